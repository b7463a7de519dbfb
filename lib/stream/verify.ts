// SPDX-License-Identifier: MIT
import type { FileHandle } from 'node:fs/promises'
import { VfioError } from '../errors/index.js'
import { FrameReader } from './frame-reader.js'
import { openImage } from './image-file.js'
import type { Manifest, ManifestDevice } from './manifest.js'
import type { Section } from './section.js'

export interface VerifyOptions {
  /** The key the file was written with; an unkeyed file is then refused. */
  readonly key?: Uint8Array | undefined
  /** Largest data frame that is accepted, in bytes. */
  readonly maxData?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second. `bytes` were read and checked so far, of `total`. */
  readonly onProgress?: ((progress: { readonly bytes: number; readonly total: number }) => void) | undefined
}

export interface SectionSummary extends Section {
  readonly section: number
  /** Data frames: on v1 the rounds of the protocol. */
  readonly frames: number
  /** Device data, framing excluded. */
  readonly bytes: number
}

/** What an intact file holds. */
export interface ImageSummary {
  /** Of the first device; others may differ. */
  readonly protocol: ManifestDevice['protocol']
  readonly producer: string | undefined
  readonly devices: readonly ManifestDevice[]
  readonly sections: readonly SectionSummary[]
  readonly frames: number
  /** The whole file. */
  readonly bytes: number
  readonly payloadBytes: number
  /** Every data frame carries a SHA-256. */
  readonly strong: boolean
  /** It carries a MAC. */
  readonly keyed: boolean
  /** The MAC was checked with the key that was given. */
  readonly authenticated: boolean
}

/**
 * Reads a saved device to its end and checks everything that can be checked without a device. Memory stays bounded.
 * @throws {VfioError} `ERR_VFIO_STREAM_CORRUPT`, `ERR_VFIO_STREAM_TRUNCATED`, `ERR_VFIO_STREAM_VERSION`, `ERR_VFIO_MALFORMED`
 */
export async function verifyFile(path: string, options: VerifyOptions = {}): Promise<ImageSummary> {
  const file = await openImage(path)
  let timer: NodeJS.Timeout | undefined
  try {
    const { size } = await file.stat()
    await using reader = FrameReader.open(file.fd, options)
    const { onProgress } = options
    if (onProgress) timer = setInterval(() => onProgress({ bytes: reader.totals.bytes, total: size }), 100)
    const manifest = await reader.readManifest()
    const sections = await readSections(reader, manifest)
    const flags = await integrityFlags(file)
    return {
      protocol: (manifest.devices[0] as ManifestDevice).protocol,
      producer: manifest.producer,
      devices: manifest.devices,
      sections,
      ...reader.totals,
      strong: (flags & 1) !== 0,
      keyed: (flags & 2) !== 0,
      authenticated: options.key !== undefined,
    }
  } finally {
    clearInterval(timer)
    await file.close()
  }
}

async function readSections(reader: FrameReader, manifest: Manifest): Promise<SectionSummary[]> {
  const sections = new Map<number, { description: Section; frames: number; bytes: number }>()
  for await (const frame of reader.frames()) {
    if (frame.kind === 'section-begin') {
      if (frame.description.device >= manifest.devices.length) {
        throw new VfioError(
          'ERR_VFIO_MALFORMED',
          `section ${frame.section} belongs to a device the manifest lacks`,
        )
      }
      sections.set(frame.section, { description: frame.description, frames: 0, bytes: 0 })
    } else if (frame.kind === 'data') {
      const { bytes, chunks } = await reader.skipData(frame.section)
      const section = sections.get(frame.section)
      if (section === undefined) {
        throw new VfioError('ERR_VFIO_MALFORMED', `data of section ${frame.section}, which was never opened`)
      }
      section.frames += chunks
      section.bytes += bytes
    } else if (frame.kind === 'manifest') {
      throw new VfioError('ERR_VFIO_MALFORMED', 'the stream has a second manifest')
    }
  }
  return [...sections].map(([section, { description, frames, bytes }]) => ({
    section,
    ...description,
    frames,
    bytes,
  }))
}

// The preamble's flags (docs/stream-format.md): 1 a SHA-256 per data frame, 2 a MAC. The reader has checked them by now.
async function integrityFlags(file: FileHandle): Promise<number> {
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 10)
  return buffer.readUInt16LE(0)
}
