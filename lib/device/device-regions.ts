// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { DeviceInfo } from './device-identity.js'
import { Region, type RegionInfo, type RegionOwner } from './region.js'

const DEVICE_FLAGS_PCI = 1 << 1

/** What finding a device's regions needs of the device. */
export interface RegionsOwner extends Omit<RegionOwner, 'pci'> {
  info(): Promise<DeviceInfo>
  regionInfo(index: number): Promise<RegionInfo>
}

/** Finds the regions of a device. */
export class DeviceRegions {
  readonly #device: RegionsOwner
  #owner: Promise<RegionOwner> | undefined

  constructor(device: RegionsOwner) {
    this.#device = device
  }

  // What regions need to know of their device does not change, and is asked for once.
  #ownerOfAll(): Promise<RegionOwner> {
    const { spec, children, gate, trace } = this.#device
    this.#owner ??= this.#device.info().then(
      ({ flags }) => ({
        spec,
        pci: (flags & DEVICE_FLAGS_PCI) !== 0,
        children,
        gate,
        trace,
        native: () => this.#device.native(),
      }),
      (error: unknown) => {
        this.#owner = undefined
        throw error
      },
    )
    return this.#owner
  }

  // The kernel counts indexes that a device has nothing at, and answers for them with a size of 0, or as vfio-pci does for the VGA region of
  // what is no display (drivers/vfio/pci/vfio_pci_core.c), with EINVAL.
  async #present(index: number): Promise<RegionInfo | undefined> {
    try {
      const info = await this.#device.regionInfo(index)
      return info.size === 0n ? undefined : info
    } catch (error) {
      if (error instanceof VfioError && error.code === 'EINVAL') return undefined
      throw error
    }
  }

  async region(index: number): Promise<Region> {
    const info = await this.#present(index)
    if (info === undefined) {
      const { spec } = this.#device
      throw new VfioError('ERR_VFIO_NO_SUCH_REGION', `${spec} has no region ${index}`, { device: spec })
    }
    return new Region(await this.#ownerOfAll(), info)
  }

  async all(): Promise<Region[]> {
    const { regions } = await this.#device.info()
    const found: Region[] = []
    for (let index = 0; index < regions; index++) {
      const info = await this.#present(index)
      if (info !== undefined) found.push(new Region(await this.#ownerOfAll(), info))
    }
    return found
  }

  async byType(type: number, subtype: number): Promise<Region | undefined> {
    const { regions } = await this.#device.info()
    for (let index = 0; index < regions; index++) {
      const info = await this.#present(index)
      // VENDOR_TYPE is the sign bit: whoever writes 1 << 31 | id has a negative number.
      if (info?.type?.type === type >>> 0 && info.type.subtype === subtype) {
        return new Region(await this.#ownerOfAll(), info)
      }
    }
    return undefined
  }
}
