// SPDX-License-Identifier: MIT
// The kernel's own nouns: containers, groups, iommufds and what is in them.
import type { NativeDevice } from './device.js'
import type { NativeAddressSpace, NativeIovaRange } from './dma.js'
import type { Outcome } from './failure.js'

/** `/dev/vfio/vfio`. */
export interface NativeContainer {
  /** -1 once closed. */
  readonly descriptor: number
  /** The IOMMU type that is set: `VFIO_TYPE1v2_IOMMU` and so on. */
  readonly iommu: number | null
  apiVersion(): Promise<Outcome<number>>
  checkExtension(extension: number): Promise<Outcome<number>>
  setIommu(type: number, allowNoIommu: boolean): Promise<Outcome<null>>
  addressSpace(): Outcome<NativeAddressSpace>
  /** The descriptor goes with the last group that is in the container. */
  close(): Promise<null>
}

export interface NativeGroupStatus {
  readonly viable: boolean
  readonly containerSet: boolean
}

/** `/dev/vfio/N`: one descriptor in the process, however many handles. */
export interface NativeGroup {
  /** -1 once closed. */
  readonly descriptor: number
  status(): Promise<Outcome<NativeGroupStatus>>
  setContainer(container: NativeContainer): Promise<Outcome<null>>
  unsetContainer(): Promise<Outcome<null>>
  /** In `container` (null: the one it is in, or a new one), and that with the best IOMMU it has. */
  prepare(
    container: NativeContainer | NativeAddressSpace | null,
    allowNoIommu: boolean,
  ): Promise<Outcome<null>>
  /** The device holds its group, and that its container. */
  device(name: string): Promise<Outcome<NativeDevice>>
  /** The descriptor goes with the last handle and the last device. */
  close(): Promise<null>
}

export interface NativeHwInfo {
  readonly type: number
  readonly capabilities: bigint
  readonly dirtyTracking: boolean
  readonly maxPasidLog2: number
  readonly data: ArrayBuffer
}

/** `/dev/iommu`. */
export interface NativeIommufd {
  /** -1 once closed. */
  readonly descriptor: number
  memoryCharge(): Promise<Outcome<'user' | 'process'>>
  setMemoryCharge(charge: 'user' | 'process'): Promise<Outcome<null>>
  destroy(id: number): Promise<Outcome<null>>
  hwInfo(deviceId: number): Promise<Outcome<NativeHwInfo>>
  compatIoas(): Promise<Outcome<number>>
  setCompatIoas(id: number): Promise<Outcome<null>>
  clearCompatIoas(): Promise<Outcome<null>>
  ioas(dirtyTracking: boolean): Promise<Outcome<NativeIoas>>
  container(): Promise<Outcome<NativeContainer>>
  /** The descriptor goes with the last object and device in it. */
  close(): Promise<null>
}

export interface NativeBoundDevice {
  readonly device: NativeDevice
  /** The iommufd's name for it. */
  readonly id: number
}

/** An address space of an iommufd. */
export interface NativeIoas {
  /** 0 once closed. */
  readonly id: number
  addressSpace(): Outcome<NativeAddressSpace>
  /** `iova` null: the kernel chooses. Resolves with the address. */
  copy(
    source: NativeIoas,
    from: bigint,
    size: bigint,
    iova: bigint | null,
    protection: 'read' | 'write' | 'read-write',
  ): Promise<Outcome<bigint>>
  allowIovas(ranges: readonly NativeIovaRange[]): Promise<Outcome<null>>
  hugePages(): Promise<Outcome<boolean>>
  setHugePages(allowed: boolean): Promise<Outcome<null>>
  hwpt(deviceId: number, dirtyTracking: boolean): Promise<Outcome<NativeHwpt>>
  /** It goes with the last device that is attached, and the last page table. */
  close(): Promise<null>
}

/** A hardware page table. */
export interface NativeHwpt {
  /** 0 once closed. */
  readonly id: number
  setDirtyTracking(enabled: boolean): Promise<Outcome<null>>
  /** The bitmap's words. `keep`: what is reported stays dirty. */
  reportDirty(iova: bigint, length: bigint, pageSize: bigint, keep: boolean): Promise<Outcome<ArrayBuffer>>
  close(): Promise<null>
}
