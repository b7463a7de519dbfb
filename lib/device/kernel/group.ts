// SPDX-License-Identifier: MIT
import { binding } from '../../binding.js'
import { unwrap, unwrapAdoption } from '../../errors/index.js'
import type { NativeDevice, NativeGroup, NativeGroupStatus } from '../../native-binding.js'
import type { AddressSpace } from '../address-space.js'
import type { Container } from './container.js'
import { openFailure } from './open-failure.js'

/** `struct vfio_group_status`, as booleans. */
export type GroupStatus = NativeGroupStatus

export interface GroupOptions {
  /** The group's node is `/dev/vfio/noiommu-N`. */
  readonly noIommu?: boolean
  /** Open it all the same: its devices can write to all of the machine's memory. Default false. */
  readonly allowNoIommu?: boolean
}

/**
 * `/dev/vfio/N`: the smallest set of devices that the IOMMU can isolate. The kernel lets one process open it, once; so all handles of this
 * process, in any of its Workers, share one descriptor, and the devices keep it open after the handles are closed.
 */
export class KernelGroup implements AsyncDisposable {
  /** @internal */
  readonly native: NativeGroup
  readonly number: number

  private constructor(native: NativeGroup, number: number) {
    this.native = native
    this.number = number
  }

  /**
   * @param number the N of `/dev/vfio/N`
   * @param device names the device that the group is opened for, in errors
   * @throws {VfioError} `ERR_VFIO_PERMISSION`, `ERR_VFIO_IN_USE`; `ERR_VFIO_UNSUPPORTED` for a group without an IOMMU that is not allowed
   * @throws {VfioSystemError} `ENOENT`: no device of the group is bound to VFIO
   */
  static async open(number: number, options: GroupOptions = {}, device?: string): Promise<KernelGroup> {
    const { noIommu = false, allowNoIommu = false } = options
    const opened = await binding().openGroup(number, noIommu, allowNoIommu)
    return new KernelGroup(openFailure(opened, `IOMMU group ${number}`, device), number)
  }

  /**
   * A group that somebody else opened, over a duplicate of its descriptor; or the one that is open in this process already, which is the
   * same to the kernel. It is identified before it is asked anything.
   * @param options.container the container that its owner put it into, if that was handed over too: the kernel does not tell which it is
   * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` with what it is instead
   */
  static async adopt(fd: number, options: { readonly container?: Container } = {}): Promise<KernelGroup> {
    const what = `fd:${fd}`
    const { name } = unwrapAdoption(await binding().identifyDescriptor(fd), what)
    const native = unwrapAdoption(await binding().adoptGroup(fd, options.container?.native ?? null), what)
    return new KernelGroup(native, Number(name.replace(/^noiommu-/, '')))
  }

  /** Borrowed; -1 once closed. */
  get descriptor(): number {
    return this.native.descriptor
  }

  /** `VFIO_GROUP_GET_STATUS`. */
  async status(): Promise<GroupStatus> {
    return unwrap(await this.native.status())
  }

  /**
   * `VFIO_GROUP_SET_CONTAINER`. The group holds the container from then on.
   * @throws {VfioSystemError} `EBUSY`: it is in another container; `EPERM`: the group is not viable
   */
  async setContainer(container: Container): Promise<void> {
    unwrap(await this.native.setContainer(container.native))
  }

  /** `VFIO_GROUP_UNSET_CONTAINER`. @throws {VfioSystemError} `EBUSY` while a device of the group is open */
  async unsetContainer(): Promise<void> {
    unwrap(await this.native.unsetContainer())
  }

  /** Puts the group into `container` (or that of an address space; default: the one it is in, else a new one) and sets the best IOMMU that has. */
  async prepare(
    options: { readonly container?: Container | AddressSpace; readonly allowNoIommu?: boolean } = {},
  ): Promise<void> {
    openFailure(
      await this.native.prepare(options.container?.native ?? null, options.allowNoIommu ?? false),
      `IOMMU group ${this.number}`,
    )
  }

  /**
   * `VFIO_GROUP_GET_DEVICE_FD`. The device holds the group.
   * @internal
   * @param name a PCI address or mdev UUID, for drivers with tokens followed by ` vf_token=UUID`
   */
  async device(name: string, spec: string): Promise<NativeDevice> {
    return unwrap(await this.native.device(name), spec)
  }

  /** Lets go. The descriptor goes with the last handle and the last device. */
  async close(): Promise<void> {
    await this.native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
