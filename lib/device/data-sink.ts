// SPDX-License-Identifier: MIT
import { unwrap } from '../errors/index.js'
import type { NativeCounters, NativeFrameReader, NativeSink } from '../native-binding.js'
import type { Children } from './children.js'
import type { Pumped } from './data-source.js'

/** Where the chunks of a load go: v1 rounds or v2 writes. One call at a time. */
export class DataSink implements AsyncDisposable {
  readonly #device: string
  readonly #siblings: Children
  /** @internal */
  readonly native: NativeSink

  /** @internal */
  constructor(device: string, native: NativeSink, siblings: Children) {
    this.#device = device
    this.#siblings = siblings
    this.native = native
  }

  /** One chunk; `data` must not change before the promise settles. */
  async write(data: Uint8Array): Promise<void> {
    unwrap(await this.native.write(data), this.#device)
  }

  /** Raw bytes from `fd` to its end; v2 only. */
  async pumpFromFd(fd: number): Promise<Pumped> {
    return unwrap(await this.native.pumpFromFd(fd), this.#device)
  }

  /** The data frames of `section` that follow. */
  async pumpFromFrames(reader: NativeFrameReader, section: number): Promise<Pumped> {
    return unwrap(await this.native.pumpFromFrames(reader, section), this.#device)
  }

  /** Totals so far; also while a pump runs. */
  get counters(): NativeCounters {
    return this.native.counters()
  }

  /** Calls in progress reject with an `AbortError` as soon as the backend can. */
  cancel(): void {
    this.native.cancel()
  }

  async close(): Promise<void> {
    this.#siblings.delete(this)
    await this.native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
