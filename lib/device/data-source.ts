// SPDX-License-Identifier: MIT
import type { DeviceTrace } from '../diagnostics/device-trace.js'
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
import { PumpRecords } from './pump-records.js'
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
  readonly #records: PumpRecords

  /** @internal @param region v1: the index of the migration region */
  constructor(trace: DeviceTrace, native: NativeSource, siblings: Children, region?: number) {
    this.#device = trace.device
    this.#siblings = siblings
    this.#native = native
    this.#records = new PumpRecords(trace, native, 'out', region)
  }

  /** @internal For who takes chunks over. */
  get native(): NativeSource {
    return this.#native
  }

  /**
   * The next chunk, borrowed: its buffer is detached by the next call, by {@link release} and by {@link close}.
   * @param ahead whether the two after it may be read before they are asked for. The device's state must not be changed from then on, until
   *   there is no more data or after {@link quiet}, and nothing but `next()` reads on.
   */
  async next(ahead = false): Promise<Turn> {
    const noted = this.#records.begin()
    const turn = await this.#native.next(ahead)
    if (noted) this.#records.tell()
    return unwrap(turn, this.#device)
  }

  /** The next chunk in memory that is the caller's. */
  async nextOwned(): Promise<Turn> {
    const noted = this.#records.begin()
    const turn = await this.#native.nextOwned()
    if (noted) this.#records.tell()
    return unwrap(turn, this.#device)
  }

  /** Detaches the chunk that {@link next} lent. */
  release(): void {
    this.#native.release()
  }

  /** Writes raw bytes to `fd` until drained or the end. */
  async pumpToFd(fd: number, limit?: RateLimit): Promise<Pumped> {
    const noted = this.#records.begin()
    const pump = this.#native.pumpToFd(fd, limit?.native ?? null)
    return unwrap(await (noted ? this.#records.follow(pump) : pump), this.#device)
  }

  /** Writes one data frame per chunk until drained or the end. */
  async pumpToFrames(writer: NativeFrameWriter, section: number, limit?: RateLimit): Promise<Pumped> {
    const noted = this.#records.begin()
    const pump = this.#native.pumpToFrames(writer, section, limit?.native ?? null)
    return unwrap(await (noted ? this.#records.follow(pump) : pump), this.#device)
  }

  /** Chunk by chunk into a device of this process, until drained or the end. */
  async pumpToSink(sink: DataSink, limit?: RateLimit): Promise<Pumped> {
    const noted = this.#records.begin()
    sink.records.begin()
    const pump = this.#native.pumpToSink(sink.native, limit?.native ?? null)
    return unwrap(await (noted ? this.#records.follow(pump, sink.records) : pump), this.#device)
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

  /** Resolves when nothing of the device is being read. After {@link cancel}, that stays so. */
  async quiet(): Promise<void> {
    await this.#native.quiet()
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
