// SPDX-License-Identifier: MIT
import type { AddressSpace } from './address-space.js'
import type { DirtyBitmap } from './dirty-bitmap.js'

/** Memory where devices see it. Holds the memory, also when its buffer is closed. */
export class DmaMapping implements AsyncDisposable {
  readonly #space: AddressSpace
  readonly iova: bigint
  /** In bytes. */
  readonly size: bigint

  /** @internal Mappings come from `space.map()`. */
  constructor(space: AddressSpace, iova: bigint, size: bigint) {
    this.#space = space
    this.iova = iova
    this.size = size
  }

  /** Whether devices can still reach it: false once it, or all around it, was unmapped. */
  get mapped(): boolean {
    return this.#space.has(this)
  }

  /**
   * Takes it away from the devices. Does nothing when that has been done, by whatever means.
   * @param options.dirty takes the pages that were written until then, as of {@link AddressSpace.unmap}
   */
  async unmap(options: { readonly dirty?: DirtyBitmap } = {}): Promise<void> {
    if (this.mapped) await this.#space.unmap(this.iova, this.size, options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unmap()
  }
}
