// SPDX-License-Identifier: MIT
import { binding } from '../../binding.js'
import { unwrap } from '../../errors/index.js'
import type { NativeHwInfo, NativeIommufd } from '../../native-binding.js'
import { Container } from './container.js'
import { Ioas, type IoasOptions } from './ioas.js'
import { openFailure } from './open-failure.js'

/** What the IOMMU behind a device is (`struct iommu_hw_info`). */
export interface HwInfo {
  /** `IOMMU_HW_INFO_TYPE_*`: what `data` is the struct of. */
  readonly type: number
  /** `IOMMU_HW_CAP_*`. */
  readonly capabilities: bigint
  /** Whether its page tables can have dirty bits: what an {@link Ioas} with `dirtyTracking` needs. */
  readonly dirtyTracking: boolean
  /** Binary logarithm of the number of PASIDs, 0 without any. */
  readonly maxPasidLog2: number
  readonly data: Uint8Array
}

/**
 * `/dev/iommu`: the kernel's newer interface to I/O address spaces (Linux 6.2; device nodes 6.6; dirty tracking 6.7). What it makes has
 * numbers, and goes with its own handle or with the last holder of the descriptor.
 */
export class Iommufd implements AsyncDisposable {
  /** @internal */
  readonly native: NativeIommufd

  private constructor(native: NativeIommufd) {
    this.native = native
  }

  /**
   * @throws {VfioError} `ERR_VFIO_PERMISSION`
   * @throws {VfioSystemError} `ENOENT`: a kernel without iommufd
   */
  static async open(): Promise<Iommufd> {
    return new Iommufd(openFailure(await binding().openIommufd(), '/dev/iommu'))
  }

  /**
   * One that somebody else opened and handed to this process. The descriptor is duplicated, the original stays its owner's.
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: it is something else
   */
  static async adopt(descriptor: number): Promise<Iommufd> {
    return new Iommufd(unwrap(await binding().adoptIommufd(descriptor)))
  }

  /** Borrowed; -1 once closed. */
  get descriptor(): number {
    return this.native.descriptor
  }

  /** `IOMMU_OPTION_RLIMIT_MODE`: whose `RLIMIT_MEMLOCK` pinned memory counts against. */
  async memoryCharge(): Promise<'user' | 'process'> {
    return unwrap(await this.native.memoryCharge())
  }

  /** @throws {VfioSystemError} `EBUSY` once anything was made in this iommufd; `EPERM` without CAP_SYS_RESOURCE */
  async setMemoryCharge(charge: 'user' | 'process'): Promise<void> {
    unwrap(await this.native.setMemoryCharge(charge))
  }

  /**
   * `IOMMU_GET_HW_INFO`.
   * @param deviceId `device.iommufdId`, of a device in this iommufd
   * @throws {VfioSystemError} `ENOENT`: an emulated device (an mdev), with no IOMMU behind it
   */
  async hwInfo(deviceId: number): Promise<HwInfo> {
    const info: NativeHwInfo = unwrap(await this.native.hwInfo(deviceId))
    return { ...info, data: new Uint8Array(info.data) }
  }

  /** `IOMMU_IOAS_ALLOC`. */
  async ioas(options: IoasOptions = {}): Promise<Ioas> {
    return Ioas.over(this, unwrap(await this.native.ioas(options.dirtyTracking ?? false)), options)
  }

  /** `IOMMU_DESTROY`, by number. @throws {VfioSystemError} `EBUSY`: something uses it; `ENOENT` */
  async destroy(id: number): Promise<void> {
    unwrap(await this.native.destroy(id))
  }

  /**
   * This iommufd in the part of `/dev/vfio/vfio`, for groups (`VFIO_GROUP_SET_CONTAINER` takes either). It understands most of what a
   * type1 container does; dirty tracking it does not (`ENOTTY`).
   */
  async container(): Promise<Container> {
    return Container.over(unwrap(await this.native.container()))
  }

  /** `IOMMU_VFIO_IOAS`: the address space that the {@link container} works on; `undefined` while there is none. */
  async containerIoas(): Promise<number | undefined> {
    const id = await this.native.compatIoas()
    if (typeof id === 'object' && id.errno === ENODEV) return undefined
    return unwrap(id)
  }

  /** Makes it that one, or none. */
  async setContainerIoas(ioas: Ioas | undefined): Promise<void> {
    unwrap(await (ioas === undefined ? this.native.clearCompatIoas() : this.native.setCompatIoas(ioas.id)))
  }

  /** Lets go. The descriptor goes with the last address space and device that are in it. */
  async close(): Promise<void> {
    await this.native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const ENODEV = -19
