// SPDX-License-Identifier: MIT
import { unwrap } from '../errors/index.js'
import type {
  NativeCounters,
  NativeFrameWriter,
  NativePumped,
  NativeSource,
  NativeTurn,
} from '../native-binding.js'
import type { Children } from './children.js'
import type { DataSink } from './data-sink.js'
import type { RateLimit } from './rate-limit.js'

/** One turn of a source: a chunk, or the news that there is none for now (`drained`) or ever (`end`). */
export type Turn = NativeTurn

/** What a pump moved, and why it stopped. */
export type Pumped = NativePumped

/** Where the chunks of a save come from: v1 rounds or v2 reads. One call at a time. */
export class DataSource implements AsyncDisposable {
  readonly #device: string
  readonly #siblings: Children
  readonly #native: NativeSource

  /** @internal */
  constructor(device: string, native: NativeSource, siblings: Children) {
    this.#device = device
    this.#siblings = siblings
    this.#native = native
  }

  /** The next chunk, borrowed: its buffer is detached by the next call, by {@link release} and by {@link close}. */
  async next(): Promise<Turn> {
    return unwrap(await this.#native.next(), this.#device)
  }

  /** The next chunk in memory that is the caller's. */
  async nextOwned(): Promise<Turn> {
    return unwrap(await this.#native.nextOwned(), this.#device)
  }

  /** Detaches the chunk that {@link next} lent. */
  release(): void {
    this.#native.release()
  }

  /** Writes raw bytes to `fd` until drained or the end. */
  async pumpToFd(fd: number, limit?: RateLimit): Promise<Pumped> {
    return unwrap(await this.#native.pumpToFd(fd, limit?.native ?? null), this.#device)
  }

  /** Writes one data frame per chunk until drained or the end. */
  async pumpToFrames(writer: NativeFrameWriter, section: number, limit?: RateLimit): Promise<Pumped> {
    return unwrap(await this.#native.pumpToFrames(writer, section, limit?.native ?? null), this.#device)
  }

  /** Chunk by chunk into a device of this process, until drained or the end. */
  async pumpToSink(sink: DataSink, limit?: RateLimit): Promise<Pumped> {
    return unwrap(await this.#native.pumpToSink(sink.native, limit?.native ?? null), this.#device)
  }

  /** Totals so far; also while a pump runs. */
  get counters(): NativeCounters {
    return this.#native.counters()
  }

  /**
   * A pump in progress settles at the next chunk border, with `progress` `bytes`. v1 needs it before a state change: a round (offset,
   * size, data, acknowledge) must not be torn.
   */
  pause(): void {
    this.#native.pause()
  }

  /** Calls in progress reject with an `AbortError` as soon as the backend can. */
  cancel(): void {
    this.#native.cancel()
  }

  /** Detaches what is lent and frees the buffers. Idempotent. */
  async close(): Promise<void> {
    this.#siblings.delete(this)
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
