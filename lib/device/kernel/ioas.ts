// SPDX-License-Identifier: MIT
import { unwrap } from '../../errors/index.js'
import type { NativeIoas } from '../../native-binding.js'
import { AddressSpace } from '../address-space.js'
import type { IovaRange } from '../iova.js'
import { Hwpt } from './hwpt.js'
import type { Iommufd } from './iommufd.js'

export interface IoasOptions {
  /**
   * Every device that is attached gets a page table with dirty bits. It cannot be had later, and a device whose IOMMU has none is refused
   * (`EOPNOTSUPP`). Default false.
   */
  readonly dirtyTracking?: boolean
}

/** Which accesses a device may make. */
export type DmaProtection = 'read' | 'write' | 'read-write'

/** An I/O address space of an iommufd. */
export class Ioas implements AsyncDisposable {
  /** @internal */
  readonly native: NativeIoas
  readonly iommufd: Iommufd
  /** Whether its devices' page tables have dirty bits. */
  readonly dirtyTracking: boolean

  private constructor(iommufd: Iommufd, native: NativeIoas, options: IoasOptions) {
    this.iommufd = iommufd
    this.native = native
    this.dirtyTracking = options.dirtyTracking ?? false
  }

  /** @internal */
  static over(iommufd: Iommufd, native: NativeIoas, options: IoasOptions): Ioas {
    return new Ioas(iommufd, native, options)
  }

  /** The iommufd's name for it; 0 once closed. */
  get id(): number {
    return this.native.id
  }

  /**
   * What any address space does: mapping, unmapping, dirty pages; to be given to `openDevice`. What is mapped through one such object is
   * mapped for all; the caller closes it.
   */
  addressSpace(): AddressSpace {
    return new AddressSpace(unwrap(this.native.addressSpace()), { endsWithDevices: false })
  }

  /**
   * `IOMMU_IOAS_COPY`: maps here what `source` has mapped at `from`. The pages are pinned and counted once.
   * @param options `iova`: where to; default where the kernel likes. `protection`: default `read-write`
   * @returns the address
   * @throws {VfioSystemError} `ENOENT`: not all of it is mapped there; `EEXIST`: something is mapped here
   */
  async copy(
    source: Ioas,
    from: bigint,
    size: bigint,
    options: { readonly iova?: bigint; readonly protection?: DmaProtection } = {},
  ): Promise<bigint> {
    const { iova = null, protection = 'read-write' } = options
    return unwrap(await this.native.copy(source.native, from, size, iova, protection))
  }

  /**
   * `IOMMU_IOAS_ALLOW_IOVAS`: the kernel chooses addresses within these ranges only, and no device may be attached that reserves some of
   * them. None: no such limits.
   * @throws {VfioSystemError} `EADDRINUSE`: a device that is attached reserves some of them
   */
  async allowIovas(ranges: readonly IovaRange[]): Promise<void> {
    unwrap(await this.native.allowIovas(ranges))
  }

  /** `IOMMU_OPTION_HUGE_PAGES`: whether the IOMMU may use huge pages. */
  async hugePages(): Promise<boolean> {
    return unwrap(await this.native.hugePages())
  }

  /** @throws {VfioSystemError} `EINVAL`: switched off with memory mapped for a device */
  async setHugePages(allowed: boolean): Promise<void> {
    unwrap(await this.native.setHugePages(allowed))
  }

  /**
   * `IOMMU_HWPT_ALLOC`: a page table of this address space in the format of a device's IOMMU. Attaching a device makes one by itself.
   * @param deviceId `device.iommufdId`
   * @throws {VfioSystemError} `EOPNOTSUPP`: that IOMMU keeps no dirty bits; `ENOENT`: an emulated device
   */
  async hwpt(deviceId: number, options: { readonly dirtyTracking?: boolean } = {}): Promise<Hwpt> {
    return Hwpt.over(unwrap(await this.native.hwpt(deviceId, options.dirtyTracking ?? false)))
  }

  /** Lets go. The kernel's object, and all that is mapped, goes with the last device that is attached and the last page table. */
  async close(): Promise<void> {
    await this.native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
