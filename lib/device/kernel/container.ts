// SPDX-License-Identifier: MIT
import { binding } from '../../binding.js'
import { unwrap, unwrapAdoption } from '../../errors/index.js'
import type { NativeContainer } from '../../native-binding.js'
import { AddressSpace, type AddressSpaceInfo } from '../address-space.js'
import { openFailure } from './open-failure.js'

/**
 * `/dev/vfio/vfio`: an IOMMU context that groups are put into. For those who want the kernel's own nouns; `openDevice` needs none of it.
 */
export class Container implements AsyncDisposable {
  /** @internal */
  readonly native: NativeContainer

  private constructor(native: NativeContainer) {
    this.native = native
  }

  /**
   * Opens a container of its own.
   * @throws {VfioError} `ERR_VFIO_PERMISSION`
   * @throws {VfioSystemError} `ENOENT`: this kernel has no VFIO, or its module is not loaded
   */
  static async open(): Promise<Container> {
    const opened = await binding().openContainer()
    return new Container(openFailure(opened, '/dev/vfio/vfio'))
  }

  /**
   * A container that somebody else opened, over a duplicate of its descriptor. It is identified before it is asked anything.
   * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` with what it is instead
   */
  static async adopt(fd: number): Promise<Container> {
    return new Container(unwrapAdoption(await binding().adoptContainer(fd), `fd:${fd}`))
  }

  /** @internal */
  static over(native: NativeContainer): Container {
    return new Container(native)
  }

  /** Borrowed; -1 once closed. */
  get descriptor(): number {
    return this.native.descriptor
  }

  /** The IOMMU type that is set (`VFIO_TYPE1v2_IOMMU`, …); `undefined` before the first group and after the last. */
  get iommu(): number | undefined {
    return this.native.iommu ?? undefined
  }

  /** `VFIO_GET_API_VERSION`. */
  async apiVersion(): Promise<number> {
    return unwrap(await this.native.apiVersion())
  }

  /** `VFIO_CHECK_EXTENSION`. Before an IOMMU is set, of any IOMMU driver; afterwards, of the one that was set. */
  async supports(extension: number): Promise<boolean> {
    return unwrap(await this.native.checkExtension(extension)) > 0
  }

  /**
   * `VFIO_SET_IOMMU`; a group must be in the container.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` for `VFIO_NOIOMMU_IOMMU`, unless `allowNoIommu`
   */
  async setIommu(type: number, options: { readonly allowNoIommu?: boolean } = {}): Promise<void> {
    unwrap(await this.native.setIommu(type, options.allowNoIommu ?? false))
  }

  /** `VFIO_IOMMU_GET_INFO` with its capabilities, checked. @throws {VfioSystemError} `EINVAL` while no IOMMU is set */
  async iommuInfo(): Promise<AddressSpaceInfo> {
    await using space = this.addressSpace()
    return await space.info()
  }

  /**
   * Its mappings: `VFIO_IOMMU_MAP_DMA`, `_UNMAP_DMA`, `_DIRTY_PAGES`. What is mapped through one such object is mapped for all; the caller
   * closes it.
   */
  addressSpace(): AddressSpace {
    return new AddressSpace(unwrap(this.native.addressSpace()), { endsWithDevices: false })
  }

  /** Lets go. The kernel's object goes with the last group that is in it. */
  async close(): Promise<void> {
    await this.native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
