// SPDX-License-Identifier: MIT
// Where the bytes of a save come from, and where those of a load go.
import type { Outcome } from './failure.js'
import type { NativeFrameReader, NativeFrameWriter } from './stream.js'

export interface NativeV1Options {
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
  /** Largest chunk that is accepted, in bytes. */
  readonly maxChunk: number
}

export interface NativePrecopyInfo {
  readonly flags: number
  readonly initialBytes: bigint
  readonly dirtyBytes: bigint
}

/** A v2 session. It yields either a source (save) or a sink (load), once. */
export interface NativeSession {
  /** -1 where the backend has none, and once closed. */
  readonly descriptor: number
  precopyInfo(): Promise<Outcome<NativePrecopyInfo>>
  /** `bufferSize` in bytes, of each of the session's buffers. */
  source(bufferSize: number): NativeSource
  sink(bufferSize: number): NativeSink
  close(): Promise<null>
}

export type NativeProgress = 'bytes' | 'drained' | 'end'

export interface NativeTurn {
  readonly progress: NativeProgress
  /** The chunk when progress is `bytes`. */
  readonly data: ArrayBuffer | null
}

export interface NativePumped {
  /** `bytes` only after pause(): there was more to move. */
  readonly progress: NativeProgress
  readonly bytes: number
  readonly chunks: number
}

export interface NativeCounters {
  readonly bytes: number
  readonly chunks: number
}

/** What a source or sink noted of its chunks and register accesses. */
export interface NativeRecords {
  /** Seven 64-bit words for each (FlightRecord of native/core/data/flight_ring.h), in the machine's byte order, the oldest first. */
  readonly words: ArrayBuffer
  /** What came before them and was dropped. */
  readonly lostChunks: number
  readonly lostBytes: number
  readonly lostRegisters: number
  readonly lostDeviceNs: bigint
  /** When the youngest of what was dropped began, on CLOCK_MONOTONIC. */
  readonly lostNs: bigint
}

/** Notes chunks and register accesses, while that is wanted. */
export interface NativeRecording {
  /** Keeps at most `capacity` records until they are taken; 0: no more. Off at the beginning. */
  record(capacity: number): void
  /** What was noted since the last time; null when that is nothing. */
  takeRecords(): NativeRecords | null
}

/** How fast pumps may move data; several may share one. */
export interface NativeRateLimit {
  /** `bytesPerSecond` 0n: no limit. `burst` in bytes. Holds at once. */
  set(bytesPerSecond: bigint, burst: bigint): void
}

/** Where a save's chunks come from. One call at a time. */
export interface NativeSource extends NativeRecording {
  /**
   * A view of the mapped region (v1) or of a session buffer (v2): detached by the next call, or by release(). `ahead`: the chunks after it
   * are read before they are asked for, until there is none, so the device's state must not be changed meanwhile; no other call that
   * reads is possible from then on. They are views of buffers then, but for mapped ones above 4 MiB.
   */
  next(ahead: boolean): Promise<Outcome<NativeTurn>>
  /** The same in memory of the caller's own. */
  nextOwned(): Promise<Outcome<NativeTurn>>
  /** Detaches the chunk that next() lent, if any. */
  release(): void
  /** Until drained or the end; bytes as they are. `fd` is borrowed until the promise settles. */
  pumpToFd(fd: number, limit: NativeRateLimit | null): Promise<Outcome<NativePumped>>
  /** Until drained or the end, one data frame of `section` for each chunk. */
  pumpToFrames(
    writer: NativeFrameWriter,
    section: number,
    limit: NativeRateLimit | null,
  ): Promise<Outcome<NativePumped>>
  /** Until drained or the end, chunk by chunk into a device of this process. */
  pumpToSink(sink: NativeSink, limit: NativeRateLimit | null): Promise<Outcome<NativePumped>>
  /** Totals since the source was made; may be read while a pump runs. */
  counters(): NativeCounters
  /** A pump in progress settles at the next chunk border. v1 needs it: its state must not change in the middle of a round. */
  pause(): void
  /** Calls in progress settle with `cancelled` as soon as the backend can. */
  cancel(): void
  /** Resolves when no read is in progress: after cancel(), none will be. */
  quiet(): Promise<null>
  close(): Promise<null>
}

/** Where a load's chunks go. One call at a time. */
export interface NativeSink extends NativeRecording {
  /** One chunk. `data` must not change before the promise settles. */
  write(data: Uint8Array): Promise<Outcome<null>>
  /** Until the end of the descriptor's data; v2 only, since v1 needs its chunk borders. */
  pumpFromFd(fd: number): Promise<Outcome<NativePumped>>
  /** The data frames of `section` that follow, up to the first frame that is none of it (`progress` is `end`). */
  pumpFromFrames(reader: NativeFrameReader, section: number): Promise<Outcome<NativePumped>>
  counters(): NativeCounters
  cancel(): void
  close(): Promise<null>
}
