// SPDX-License-Identifier: MIT
export { type Frame, FrameReader, type FrameReaderOptions } from './frame-reader.js'
export { type FrameTotals, FrameWriter, type FrameWriterOptions, minKeyBytes } from './frame-writer.js'
export { type CreateImageOptions, ImageFile, openImage } from './image-file.js'
export {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type ManifestDevice,
  type ManifestIdentity,
} from './manifest.js'
export { deviceStateSection, type Section, wiringSection } from './section.js'
export { type ImageSummary, type SectionSummary, type VerifyOptions, verifyFile } from './verify.js'
export type { Wiring } from './wiring.js'
