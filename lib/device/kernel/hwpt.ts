// SPDX-License-Identifier: MIT
import { unwrap } from '../../errors/index.js'
import type { NativeHwpt } from '../../native-binding.js'

/** A hardware page table: an IOAS as one IOMMU reads it, and the dirty bits in it. */
export class Hwpt implements AsyncDisposable {
  readonly #native: NativeHwpt

  private constructor(native: NativeHwpt) {
    this.#native = native
  }

  /** @internal */
  static over(native: NativeHwpt): Hwpt {
    return new Hwpt(native)
  }

  /** The iommufd's name for it; 0 once closed. */
  get id(): number {
    return this.#native.id
  }

  /**
   * `IOMMU_HWPT_SET_DIRTY_TRACKING`. Switching it on forgets what was dirty.
   * @throws {VfioSystemError} `EOPNOTSUPP`: made without dirty tracking
   */
  async setDirtyTracking(enabled: boolean): Promise<void> {
    unwrap(await this.#native.setDirtyTracking(enabled))
  }

  /**
   * `IOMMU_HWPT_GET_DIRTY_BITMAP`, for each stretch that is mapped (the kernel would stop at the first hole and call it success).
   * @param iova whole pages of `pageSize`
   * @param options `keep`: what is reported stays dirty, for a report just before unmapping. Default false
   * @returns one bit a page, the least significant first
   */
  async reportDirty(
    iova: bigint,
    length: bigint,
    pageSize: bigint,
    options: { readonly keep?: boolean } = {},
  ): Promise<BigUint64Array> {
    const words = unwrap(await this.#native.reportDirty(iova, length, pageSize, options.keep ?? false))
    return new BigUint64Array(words)
  }

  async close(): Promise<void> {
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
