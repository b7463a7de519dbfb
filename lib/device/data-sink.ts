// SPDX-License-Identifier: MIT
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap } from '../errors/index.js'
import type { NativeCounters, NativeFrameReader, NativeSink } from '../native-binding.js'
import type { Children } from './children.js'
import type { Pumped } from './data-source.js'
import { PumpRecords } from './pump-records.js'

/** Where the chunks of a load go: v1 rounds or v2 writes. One call at a time. */
export class DataSink implements AsyncDisposable {
  readonly #device: string
  readonly #siblings: Children
  /** @internal */
  readonly native: NativeSink
  /** @internal */
  readonly records: PumpRecords

  /** @internal @param region v1: the index of the migration region */
  constructor(trace: DeviceTrace, native: NativeSink, siblings: Children, region?: number) {
    this.#device = trace.device
    this.#siblings = siblings
    this.native = native
    this.records = new PumpRecords(trace, native, 'in', region)
  }

  /** One chunk; `data` must not change before the promise settles. */
  async write(data: Uint8Array): Promise<void> {
    const noted = this.records.begin()
    const outcome = await this.native.write(data)
    if (noted) this.records.tell()
    unwrap(outcome, this.#device)
  }

  /** Raw bytes from `fd` to its end; v2 only. */
  async pumpFromFd(fd: number): Promise<Pumped> {
    const noted = this.records.begin()
    const pump = this.native.pumpFromFd(fd)
    return unwrap(await (noted ? this.records.follow(pump) : pump), this.#device)
  }

  /** The data frames of `section` that follow. */
  async pumpFromFrames(reader: NativeFrameReader, section: number): Promise<Pumped> {
    const noted = this.records.begin()
    const pump = this.native.pumpFromFrames(reader, section)
    return unwrap(await (noted ? this.records.follow(pump) : pump), this.#device)
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
