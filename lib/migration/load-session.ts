// SPDX-License-Identifier: MIT
import type { Writable } from 'node:stream'
import type { Recovery, RecoveryPolicy } from '../errors/index.js'
import type { FrameReader } from '../stream/frame-reader.js'
import type { Moved } from './chunk.js'

/** Where a load can end. */
export type LoadTarget = 'running' | 'stop' | 'running-p2p'

export interface LoadOptions {
  /** v2: bytes of each write buffer, 64 KiB to 8 MiB. Default 1 MiB. */
  readonly bufferSize?: number
  /** v1: how the data section is reached. `auto` maps where the device allows it and falls back on region writes. */
  readonly dataPath?: 'auto' | 'mapped' | 'trapped'
  /** v1: the largest chunk that is taken, in bytes. Default 256 MiB. */
  readonly maxChunk?: number
  /**
   * What becomes of the device when the load fails, is aborted, or is closed before it is complete. Default `reset`: nothing else leaves
   * `resuming` without committing what was loaded. `previous` and `stop` commit it and are for those who know the driver.
   */
  readonly recovery?: RecoveryPolicy
  /** Ends the load. */
  readonly signal?: AbortSignal
}

/**
 * A load in progress. Chunks of v1 are written whole, in the order and with the sizes they were saved. Closed before
 * {@link complete}, aborted or failed, the device is reset: nothing else leaves `resuming` without committing what was loaded.
 */
export interface LoadSession extends AsyncDisposable {
  readonly protocol: 'v1' | 'v2'
  readonly moved: Moved
  /** What was done to the device when the session ended without {@link complete}; `undefined` before, and after a completed one. */
  readonly recovery: Recovery | undefined
  /** One chunk. Resolves when the device took it; `data` must not change before. */
  write(data: Uint8Array): Promise<void>
  /** A Node stream in object mode whose every chunk is one {@link write}; ending it does not complete the load. */
  writable(): Writable
  /** Reads raw bytes from `fd` to its end, natively; v2 only. @throws {VfioError} `ERR_VFIO_CHUNK_BORDERS` on v1 */
  loadFrom(fd: number): Promise<Moved>
  /** Loads the data frames of `section` that follow in the stream, natively. */
  loadFromFrames(reader: FrameReader, section: number): Promise<Moved>
  /**
   * Commits: leaves `resuming` for `running` (default), `stop` or `running-p2p`. The device checks what it was given only now.
   * The latter two are v2 only: no readable v1 driver leaves `resuming` for anything but `running`. In `running-p2p` the device takes
   * accesses and starts none: where the devices of a set wait for one another, each is then led on by `migration.transition('running')`.
   * @throws {VfioTransitionError} the device refused the data
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: the device has no such state here; the load goes on
   */
  complete(target?: LoadTarget): Promise<void>
  /** Ends the session; resets the device unless completed. Idempotent. */
  close(): Promise<void>
}
