// SPDX-License-Identifier: MIT
// Framed streams.
import type { NativePumped, NativeRateLimit, NativeSource } from './data.js'
import type { Outcome } from './failure.js'

export interface NativeFrameWriterOptions {
  readonly strong: boolean
  /** HMAC-SHA256 key, or null. */
  readonly key: Uint8Array | null
}

export interface NativeFrameTotals {
  readonly frames: number
  /** All bytes of the stream so far, headers included. */
  readonly bytes: number
  readonly payloadBytes: number
}

export interface NativeControlFrame {
  readonly type: number
  readonly section: number
  readonly payload: Uint8Array
}

export interface NativeFrameWriter {
  /** Frames that are no data, in order, and with `end` the end record after them. */
  writeControls(frames: readonly NativeControlFrame[], end: boolean): Promise<Outcome<null>>
  /** One data frame, when the limit lets it through. */
  writeData(section: number, data: Uint8Array, limit: NativeRateLimit | null): Promise<Outcome<null>>
  totals(): NativeFrameTotals
  cancel(): void
  close(): Promise<null>
}

export interface NativeTakenChunk {
  /** In the device's own memory: the source answers `busy` until it is written. */
  readonly inPlace: boolean
  readonly written: Promise<Outcome<null>>
}

export interface NativeChunkWriter {
  /** Takes over the chunk that `source` has lent, whose buffer is detached, and writes it after those before it. */
  write(source: NativeSource): Outcome<NativeTakenChunk>
  cancel(): void
  close(): Promise<null>
}

export interface NativeFrameReaderOptions {
  readonly key: Uint8Array | null
  /** Largest data frame that is accepted, in bytes. */
  readonly maxData: number
}

export interface NativeFrame {
  readonly type: number
  readonly flags: number
  readonly section: number
  readonly length: number
  /** The payload of a control frame; null for a data frame, whose payload must be pumped or skipped next. */
  readonly payload: ArrayBuffer | null
}

export interface NativeFrameReader {
  /**
   * The next frame, and of those behind it the ones that are no data and there already, `most` in all; null is last once the end record was
   * read and found right.
   */
  next(most: number): Promise<Outcome<readonly (NativeFrame | null)[]>>
  /** The payload of the next frame, when it is data of `section`; null, and nothing taken, when it is not. */
  readData(section: number): Promise<Outcome<ArrayBuffer | null>>
  /** Reads past the data frames of `section` that follow, checking them. */
  skipData(section: number): Promise<Outcome<NativePumped>>
  totals(): NativeFrameTotals
  cancel(): void
  close(): Promise<null>
}
