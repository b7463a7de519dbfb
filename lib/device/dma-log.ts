// SPDX-License-Identifier: MIT
import { isFailure, unwrap } from '../errors/index.js'
import type { NativeDevice } from '../native-binding.js'
import type { DirtyBitmap, DirtyRun } from './dirty-bitmap.js'
import { toBytes } from './iova.js'

/**
 * A device's own log of the pages that it writes (`VFIO_DEVICE_FEATURE_DMA_LOGGING_*`). One runs at a time per device; nominally it does not
 * depend on the migration state, but pds stops it when the device leaves stop-copy: take the last report before.
 */
export class DmaLog {
  readonly #device: string
  readonly #native: () => NativeDevice

  /** @internal Logs come from `device.dmaLog`. */
  constructor(device: string, native: () => NativeDevice) {
    this.#device = device
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
    return unwrap(await this.#native().startDmaLog(wanted, toBytes('pageSize', pageSize)), this.#device)
  }

  /**
   * Adds the pages written since the last report to the bitmap, and forgets them in the device. When it fails, the whole bitmap is marked:
   * nobody knows what was lost.
   * @returns the bitmap
   */
  async report(into: DirtyBitmap): Promise<DirtyBitmap> {
    const words = await this.#native().reportDmaLog(into.iova, into.length, into.pageSize)
    if (isFailure(words)) into.markAll()
    into.native.add(unwrap(words, this.#device))
    return into
  }

  /** @throws {VfioSystemError} `EINVAL`, with some drivers: none runs */
  async stop(): Promise<void> {
    unwrap(await this.#native().stopDmaLog(), this.#device)
  }
}
