// SPDX-License-Identifier: MIT
import { isFailure, unwrap } from '../../errors/index.js'
import type { NativeHwpt } from '../../native-binding.js'
import type { DirtyBitmap } from '../dirty-bitmap.js'

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
   * `IOMMU_HWPT_GET_DIRTY_BITMAP`, for each stretch that is mapped (Linux 6.12 stops at the first hole and calls it success). When it
   * fails, the whole bitmap is marked.
   * @param options `keep`: what is reported stays dirty, for a report just before unmapping. Default false
   * @returns the bitmap
   */
  async reportDirty(into: DirtyBitmap, options: { readonly keep?: boolean } = {}): Promise<DirtyBitmap> {
    const { iova, length, pageSize } = into
    const words = await this.#native.reportDirty(iova, length, pageSize, options.keep ?? false)
    if (isFailure(words)) into.markAll()
    into.native.add(unwrap(words))
    return into
  }

  async close(): Promise<void> {
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
