// SPDX-License-Identifier: MIT
import type { Device } from '../device/device.js'
import type { Region } from '../device/region.js'
import { VfioError } from '../errors/index.js'
import { type PciBar, readBars } from './bars.js'
import {
  type Capability,
  checkRoom,
  type ExtendedCapability,
  walkCapabilities,
  walkExtendedCapabilities,
} from './capability-list.js'
import { capabilityId, extendedCapabilityId } from './capability-names.js'
import type { ConfigAccess, ConfigWidth } from './config-access.js'
import { type ExpressCapability, readExpress } from './express.js'
import {
  changeCommand,
  type PciCommand,
  type PciHeader,
  type PciStatus,
  readCommand,
  readHeader,
  readStatus,
} from './header.js'
import { type MsiCapability, type MsixCapability, readMsi, readMsix } from './msi.js'
import { type PowerManagementCapability, readPowerManagement } from './power.js'
import { readSriov, type SriovCapability } from './sriov.js'

// linux/vfio.h: VFIO_DEVICE_FLAGS_PCI, VFIO_PCI_CONFIG_REGION_INDEX.
const DEVICE_FLAGS_PCI = 1 << 1
const CONFIG_REGION = 7
const EXTENDED_SIZE = 0x1000

/**
 * The configuration space of a PCI device, as its VFIO driver shows it: vfio-pci keeps some registers for itself (BARs, the switches of
 * interrupts) and hides what it does not know. Nothing is cached; every read asks the device, with one access of the register's own width.
 *
 * Legal in every migration state, and never part of what a migration carries.
 */
export class PciConfig {
  readonly #device: Device
  readonly #access: ConfigAccess

  private constructor(device: Device, region: Region) {
    this.#device = device
    this.#access = {
      device: device.spec,
      // More than PCI Express has is no configuration space; the rest is the driver's own business.
      size: Number(region.size < BigInt(EXTENDED_SIZE) ? region.size : BigInt(EXTENDED_SIZE)),
      read: (offset, width) => region.readRegister(offset, width),
      write: (offset, width, value) => region.writeRegister(offset, width, value),
    }
  }

  // What it needs to know of its device does not change, and a device that stands still for a migration has no time for questions.
  static readonly #known = new WeakMap<Device, PciConfig>()

  /**
   * The configuration space of an open device. The same object at each call.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: not a PCI device; `ERR_VFIO_NO_SUCH_REGION`: its driver shows no configuration space
   */
  static async of(device: Device): Promise<PciConfig> {
    const known = PciConfig.#known.get(device)
    if (known !== undefined) return known
    const { flags } = await device.info()
    if ((flags & DEVICE_FLAGS_PCI) === 0) {
      throw new VfioError('ERR_VFIO_UNSUPPORTED', `${device.spec} is not a PCI device`, {
        device: device.spec,
      })
    }
    const config = new PciConfig(device, await device.region(CONFIG_REGION))
    const first = PciConfig.#known.get(device) ?? config
    PciConfig.#known.set(device, first)
    return first
  }

  /** In bytes: 256, or 4096 with the extended part. */
  get size(): number {
    return this.#access.size
  }

  /**
   * One access of `width` bytes at `offset`, a multiple of `width`.
   * @throws {VfioError} `ERR_VFIO_NO_SUCH_REGION` outside of configuration space
   * @throws {RangeError} `offset` is not a multiple of `width`
   */
  read(offset: number, width: ConfigWidth): Promise<number> {
    return this.#access.read(offset, width)
  }

  /** As {@link read}. The driver drops what a user may not change, without a word. */
  write(offset: number, width: ConfigWidth, value: number): Promise<void> {
    return this.#access.write(offset, width, value)
  }

  /** Identity and kind of the function. */
  header(): Promise<PciHeader> {
    return readHeader(this.#access)
  }

  status(): Promise<PciStatus> {
    return readStatus(this.#access)
  }

  command(): Promise<PciCommand> {
    return readCommand(this.#access)
  }

  /**
   * Changes bits of the command register and leaves the others. A read and a write: no other client may do the same meanwhile.
   *
   * Without `memory` the device does not answer its BARs: vfio-pci fails reads and writes of them with EIO, and touching a mapping of them
   * ends this process (SIGBUS). So it is not switched off while this handle has mappings open.
   * @throws {VfioError} `ERR_VFIO_MAPPED`: close the mappings first
   */
  async setCommand(change: Partial<PciCommand>): Promise<void> {
    const { mappings, spec } = this.#device
    if (change.memory === false && mappings > 0) {
      throw new VfioError(
        'ERR_VFIO_MAPPED',
        `${mappings} of the mappings of ${spec} would be fatal to touch without memory decoding: close them first`,
        { device: spec },
      )
    }
    await changeCommand(this.#access, change)
  }

  /** The BARs that VFIO gives access to, with the sizes of their regions. */
  async bars(): Promise<PciBar[]> {
    const { type } = await this.header()
    return readBars(this.#access, type, async (index) => (await this.#device.regionInfo(index)).size)
  }

  /**
   * The capabilities, in the order of the device's list.
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: the list leads out of configuration space or in a circle, or the device does not answer
   */
  async capabilities(): Promise<Capability[]> {
    const found: Capability[] = []
    for await (const capability of walkCapabilities(this.#access)) found.push(capability)
    return found
  }

  /** The extended capabilities, none where {@link size} is 256. @throws {VfioError} as {@link capabilities} */
  async extendedCapabilities(): Promise<ExtendedCapability[]> {
    const found: ExtendedCapability[] = []
    for await (const capability of walkExtendedCapabilities(this.#access)) found.push(capability)
    return found
  }

  /** The first capability of that identity; what the list says behind it does not matter. */
  async capability(id: number): Promise<Capability | undefined> {
    for await (const capability of walkCapabilities(this.#access)) {
      if (capability.id === id) return capability
    }
    return undefined
  }

  /** The first extended capability of that identity. */
  async extendedCapability(id: number): Promise<ExtendedCapability | undefined> {
    for await (const capability of walkExtendedCapabilities(this.#access)) {
      if (capability.id === id) return capability
    }
    return undefined
  }

  /** `undefined`: the device has no MSI. How many interrupts VFIO can arm is what `device.irqInfo()` says. */
  async msi(): Promise<MsiCapability | undefined> {
    const found = await this.capability(capabilityId.msi)
    return found && readMsi(this.#access, found)
  }

  /** `undefined`: the device has no MSI-X. The table is the host's: a client leaves it alone and arms vectors through VFIO. */
  async msix(): Promise<MsixCapability | undefined> {
    const found = await this.capability(capabilityId.msix)
    return found && readMsix(this.#access, found)
  }

  async powerManagement(): Promise<PowerManagementCapability | undefined> {
    const found = await this.capability(capabilityId.powerManagement)
    return found && readPowerManagement(this.#access, found)
  }

  async express(): Promise<ExpressCapability | undefined> {
    const found = await this.capability(capabilityId.express)
    return found && readExpress(this.#access, found)
  }

  /** Of a physical function; `undefined` for any other. VFs are made through sysfs, not from here. */
  async sriov(): Promise<SriovCapability | undefined> {
    const found = await this.extendedCapability(extendedCapabilityId.sriov)
    return found && readSriov(this.#access, found)
  }

  /** The 64-bit serial number, for telling two boards of a kind apart. */
  async serialNumber(): Promise<bigint | undefined> {
    const found = await this.extendedCapability(extendedCapabilityId.deviceSerialNumber)
    if (!found) return undefined
    checkRoom(this.#access, found, 12)
    const low = await this.#access.read(found.offset + 4, 4)
    return (BigInt(await this.#access.read(found.offset + 8, 4)) << 32n) | BigInt(low)
  }
}
