// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { isFailure, unwrap } from '../errors/index.js'
import type { NativeDevice } from '../native-binding.js'
import type { DirtyBitmap, DirtyRun } from './dirty-bitmap.js'
import { featureId, featureName } from './features.js'
import { toBytes } from './iova.js'

/**
 * A device's own log of the pages that it writes (`VFIO_DEVICE_FEATURE_DMA_LOGGING_*`). One runs at a time per device; nominally it does not
 * depend on the migration state, but pds stops it when the device leaves stop-copy: take the last report before.
 */
export class DmaLog {
  readonly #trace: DeviceTrace
  readonly #native: () => NativeDevice

  /** @internal Logs come from `device.dmaLog`. */
  constructor(trace: DeviceTrace, native: () => NativeDevice) {
    this.#trace = trace
    this.#native = native
  }

  /**
   * Starts logging.
   * @param ranges whole pages, not overlapping, 1 to 256 of them on machines with pages of 4 KiB; what is mapped later outside of them is
   *   not logged
   * @param pageSize a power of two from 4096 on. Default 4096
   * @returns the page size that the device uses instead: report in it
   * @throws {VfioSystemError} `ENOTTY`: the driver has no log; `EINVAL`: ranges or page size, or one runs (pds: `EEXIST`); `E2BIG`: too many
   *   ranges; `EOVERFLOW`: a range that ends past 2^64 - 1
   */
  async start(ranges: readonly DirtyRun[], pageSize: number | bigint = 4096): Promise<bigint> {
    const wanted = ranges.map(({ iova, length }) => {
      const [first, bytes] = [toBytes('iova', iova), toBytes('length', length)]
      if (bytes === 0n) throw new RangeError('a range has at least one page')
      return { first, last: toBytes('the end of a range', first + bytes - 1n) }
    })
    const began = beginning(channels.feature)
    const used = await this.#native().startDmaLog(wanted, toBytes('pageSize', pageSize))
    if (began !== undefined) this.#told(began, used, featureId.dmaLoggingStart, 'set')
    return unwrap(used, this.#trace.device)
  }

  /**
   * Adds the pages written since the last report to the bitmap, and forgets them in the device. When it fails, the whole bitmap is marked:
   * nobody knows what was lost.
   * @returns the bitmap
   */
  async report(into: DirtyBitmap): Promise<DirtyBitmap> {
    const began = beginning(channels.feature)
    const words = await this.#native().reportDmaLog(into.iova, into.length, into.pageSize)
    if (began !== undefined) this.#told(began, words, featureId.dmaLoggingReport, 'get')
    if (isFailure(words)) into.markAll()
    into.native.add(unwrap(words, this.#trace.device))
    return into
  }

  /** @throws {VfioSystemError} `EINVAL`, with some drivers: none runs */
  async stop(): Promise<void> {
    const began = beginning(channels.feature)
    const outcome = await this.#native().stopDmaLog()
    if (began !== undefined) this.#told(began, outcome, featureId.dmaLoggingStop, 'set')
    unwrap(outcome, this.#trace.device)
  }

  #told(began: bigint, outcome: unknown, id: number, access: 'get' | 'set'): void {
    this.#trace.feature(began, outcome, featureName(id), access)
  }
}
