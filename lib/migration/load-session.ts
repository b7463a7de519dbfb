// SPDX-License-Identifier: MIT
import type { Writable } from 'node:stream'
import type { FrameReader } from '../stream/frame-reader.js'
import type { Moved } from './chunk.js'

/**
 * A load in progress. Chunks of v1 are written whole, in the order and with the sizes they were saved. Closed before
 * {@link complete}, the device is reset: nothing else leaves `resuming` without committing what was loaded.
 */
export interface LoadSession extends AsyncDisposable {
  readonly protocol: 'v1' | 'v2'
  readonly moved: Moved
  /** One chunk. Resolves when the device took it; `data` must not change before. */
  write(data: Uint8Array): Promise<void>
  /** A Node stream in object mode whose every chunk is one {@link write}; ending it does not complete the load. */
  writable(): Writable
  /** Reads raw bytes from `fd` to its end, natively; v2 only. @throws {VfioError} `ERR_VFIO_CHUNK_BORDERS` on v1 */
  loadFrom(fd: number): Promise<Moved>
  /** Loads the data frames of `section` that follow in the stream, natively. */
  loadFromFrames(reader: FrameReader, section: number): Promise<Moved>
  /**
   * Commits: leaves `resuming` for `running` (default) or `stop`. The device checks what it was given only now.
   * `stop` is v2 only: no readable v1 driver leaves `resuming` for anything but `running`.
   * @throws {VfioTransitionError} the device refused the data
   */
  complete(target?: 'running' | 'stop'): Promise<void>
  /** Ends the session; resets the device unless completed. Idempotent. */
  close(): Promise<void>
}
