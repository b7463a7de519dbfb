// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { unwrap } from '../errors/index.js'
import type { NativeDirtyBitmap } from '../native-binding.js'
import { toBytes } from './iova.js'

/** A run of dirty pages. */
export interface DirtyRun {
  readonly iova: bigint
  /** In bytes, a multiple of the page size. */
  readonly length: bigint
}

/** How many runs are fetched from the native bitmap at a time. */
const BATCH = 1024

/**
 * Which pages of a stretch of I/O addresses a device wrote: one bit each, 32 KiB of bits for 1 GiB in pages of 4 KiB. What every dirty
 * tracking mechanism here reports into. It only ever grows, until {@link clear}.
 */
export class DirtyBitmap {
  /** @internal */
  readonly native: NativeDirtyBitmap
  readonly iova: bigint
  /** In bytes. */
  readonly length: bigint
  /** In bytes. */
  readonly pageSize: bigint

  private constructor(native: NativeDirtyBitmap, iova: bigint, length: bigint, pageSize: bigint) {
    this.native = native
    this.iova = iova
    this.length = length
    this.pageSize = pageSize
  }

  /**
   * A bitmap with no page dirty.
   * @param length in bytes; with `iova` a multiple of `pageSize`, at most 2^32 pages
   * @param pageSize a power of two. Default 4096
   * @throws {VfioError} `ERR_VFIO_MALFORMED` for a stretch that is not whole pages, or too long
   */
  static create(iova: bigint, length: number | bigint, pageSize: number | bigint = 4096): DirtyBitmap {
    const [first, bytes, page] = [
      toBytes('iova', iova),
      toBytes('length', length),
      toBytes('pageSize', pageSize),
    ]
    return new DirtyBitmap(unwrap(binding().createDirtyBitmap(first, bytes, page)), first, bytes, page)
  }

  /** How many pages are dirty. */
  get dirtyPages(): number {
    return this.native.dirtyPages()
  }

  /** {@link dirtyPages} times {@link pageSize}. */
  get dirtyBytes(): bigint {
    return BigInt(this.dirtyPages) * this.pageSize
  }

  /** Whether the page of this address is dirty; `false` outside of the bitmap. */
  isDirty(iova: bigint): boolean {
    if (iova < this.iova || iova - this.iova >= this.length) return false
    const [first] = this.native.runs((iova - this.iova) / this.pageSize, 1)
    return first !== undefined && first <= iova
  }

  /** The runs of dirty pages in rising order. What is added to the bitmap meanwhile may or may not be among them. */
  *runs(): Generator<DirtyRun, void, undefined> {
    for (let from = 0n; from * this.pageSize < this.length; ) {
      const ends = this.native.runs(from, BATCH)
      for (let at = 0; at + 1 < ends.length; at += 2) {
        const [first = 0n, last = 0n] = [ends[at], ends[at + 1]]
        yield { iova: first, length: last - first + 1n }
        from = (last - this.iova) / this.pageSize + 1n
      }
      if (ends.length < 2 * BATCH) return
    }
  }

  /** Adds the dirty pages of another bitmap, as far as they lie in this one. Page sizes may differ. */
  merge(other: DirtyBitmap): void {
    this.native.merge(other.native)
  }

  /** Marks every page that the stretch touches. */
  mark(iova: bigint, length: number | bigint): void {
    this.native.mark(toBytes('iova', iova), toBytes('length', length))
  }

  /** What a failed report means: everything may be dirty. */
  markAll(): void {
    this.native.mark(this.iova, this.length)
  }

  clear(): void {
    this.native.clear()
  }
}
