// SPDX-License-Identifier: MIT
// Memory for devices, the address spaces they see it in, and what they wrote.
import type { NativeMapping } from './device.js'
import type { NativeFailure, Outcome } from './failure.js'

/** I/O addresses, the last one included. */
export interface NativeIovaRange {
  readonly first: bigint
  readonly last: bigint
}

/** Memory that devices may be given: a shared file, mapped once. */
export interface NativeDmaBuffer {
  readonly size: bigint
  /** 0 once closed. */
  readonly pageSize: number
  /** -1 once closed. */
  readonly descriptor: number
  /** Nobody can shrink the file. */
  readonly trusted: boolean
  readonly writable: boolean
  /** A view; the caller sees to it that no two live ones overlap. */
  window(offset: bigint, length: bigint): Outcome<NativeMapping>
  read(offset: bigint, length: number): Promise<Outcome<ArrayBuffer>>
  /** Fills `room`, which nobody must touch before the promise settles. */
  readInto(offset: bigint, room: Uint8Array): Promise<Outcome<null>>
  write(offset: bigint, data: Uint8Array): Promise<Outcome<null>>
  /** The memory goes with the last mapping and window of it. */
  close(): Promise<null>
}

export interface NativeAddressSpaceInfo {
  /** A bitmap: bit 12 stands for pages of 4 KiB. */
  readonly pageSizes: bigint
  readonly ranges: readonly NativeIovaRange[]
  readonly mappings: bigint | null
  readonly dirtyPageSizes: bigint
  /** Bytes; 0n: no limit known. */
  readonly largestDirtyBitmap: bigint
}

/** An address space of any backend. Calls run in order on its own thread. */
export interface NativeAddressSpace {
  /** What it is made of; `table` once closed. */
  readonly kind: 'table' | 'type1' | 'ioas'
  /** Whether it is a table of this process, so that read() and write() work. */
  readonly inSoftware: boolean
  info(): Promise<Outcome<NativeAddressSpaceInfo>>
  /** `iova` null: the lowest that is free, up to `highest`. Resolves with the address. */
  map(
    buffer: NativeDmaBuffer,
    offset: bigint,
    length: bigint,
    iova: bigint | null,
    highest: bigint,
    protection: 'read' | 'write' | 'read-write',
  ): Promise<Outcome<bigint>>
  /** `dirtyPageSize` not 0n: with the bitmap's words. */
  unmap(
    iova: bigint,
    size: bigint,
    dirtyPageSize: bigint,
  ): Promise<Outcome<{ readonly bytes: bigint; readonly dirty: ArrayBuffer | NativeFailure | null }>>
  unmapAll(): Promise<Outcome<bigint>>
  mapped(): Promise<Outcome<readonly NativeIovaRange[]>>
  read(iova: bigint, length: number): Promise<Outcome<ArrayBuffer>>
  write(iova: bigint, data: Uint8Array): Promise<Outcome<null>>
  startDirtyTracking(): Promise<Outcome<null>>
  /** The bitmap's words. */
  reportDirty(iova: bigint, length: bigint, pageSize: bigint): Promise<Outcome<ArrayBuffer>>
  stopDirtyTracking(): Promise<Outcome<null>>
  /** Throws when either is closed. */
  isSameAs(other: NativeAddressSpace): boolean
  close(): Promise<null>
}

/** Dirty pages, one bit each. Memory only: nothing in it waits. */
export interface NativeDirtyBitmap {
  /** The words of a report over the same stretch in the same pages. */
  add(words: ArrayBuffer): void
  merge(other: NativeDirtyBitmap): void
  mark(iova: bigint, length: bigint): void
  clear(): void
  dirtyPages(): number
  /** First and last address of up to `most` runs of dirty pages, in turn, from page `from` on. */
  runs(from: bigint, most: number): BigUint64Array
}
