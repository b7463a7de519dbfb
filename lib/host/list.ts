// SPDX-License-Identifier: MIT
import { isSysfsName, parseAddress } from './address.js'
import { type FittingDriver, FittingDrivers } from './fitting-driver.js'
import { type Group, readCdev, readGroup } from './group.js'
import { type MdevFacts, readMdevFacts } from './mdev.js'
import { type MigrationSupport, readMigrationSupport } from './migration-support.js'
import { isBridge, type PciFacts, readPciFacts } from './pci-device.js'
import { type HostRoots, Sysfs } from './sysfs.js'
import { isVfioDriver } from './vfio-driver.js'

export type HostDeviceKind = 'pci' | 'mdev' | 'platform' | 'amba' | 'fsl-mc'

/** A device that VFIO can hand out, or could after a change of drivers, as sysfs describes it. */
export interface HostDevice {
  /** Its name in sysfs: a PCI address, a UUID, a platform device's name. */
  readonly address: string
  readonly kind: HostDeviceKind
  /** The driver bound to it. */
  readonly driver: string | undefined
  /** The driver that `driver_override` reserves it for. */
  readonly driverOverride: string | undefined
  /** The VFIO driver that would suit it best, of those this kernel has; `undefined` for mdevs, whose driver is their parent's. */
  readonly vfioDriver: FittingDriver | undefined
  /** How drivers recognize it (`pci:v000015B3d...`). */
  readonly modalias: string | undefined
  /** The memory that is near it; `undefined` where the machine has one only, or does not say. */
  readonly numaNode: number | undefined
  /** Whether VFIO has it now: it can be opened if the group lets it. */
  readonly vfio: boolean
  readonly group: Group | undefined
  /** Its own node, where the kernel makes those. */
  readonly cdev: string | undefined
  readonly pci: PciFacts | undefined
  readonly mdev: MdevFacts | undefined
  readonly migration: MigrationSupport
}

const buses: readonly HostDeviceKind[] = ['pci', 'mdev', 'platform', 'amba', 'fsl-mc']

/**
 * Every device of this host that is in an IOMMU group or has a VFIO driver, sorted by bus and name; bridges are left out, since VFIO refuses
 * them. Reads sysfs, and debugfs where that is readable. **Opens no device**: opening one resets it.
 */
export async function listDevices(roots: HostRoots = {}): Promise<HostDevice[]> {
  const sysfs = new Sysfs(roots)
  const drivers = new FittingDrivers(sysfs)
  const devices: HostDevice[] = []
  for (const kind of buses) {
    for (const name of await sysfs.names(`bus/${kind}/devices`)) {
      const device = isSysfsName(name) ? await readDevice(sysfs, drivers, kind, name) : undefined
      if (device !== undefined && concernsVfio(device)) devices.push(device)
    }
  }
  return devices
}

/**
 * One device by its PCI address, mdev UUID, device node (`/dev/vfio/devices/vfio0`) or sysfs name; `undefined` when the host has no such
 * device or VFIO cannot have it. Opens nothing.
 */
export async function findDevice(text: string, roots: HostRoots = {}): Promise<HostDevice | undefined> {
  const device = await lookUpDevice(text, roots)
  return device !== undefined && concernsVfio(device) ? device : undefined
}

/** As {@link findDevice}, and also what VFIO cannot have: a device without a group, a bridge. */
export async function lookUpDevice(text: string, roots: HostRoots = {}): Promise<HostDevice | undefined> {
  const sysfs = new Sysfs(roots)
  const drivers = new FittingDrivers(sysfs)
  const address = parseAddress(text)
  if (address?.kind === 'pci' || address?.kind === 'mdev')
    return readDevice(sysfs, drivers, address.kind, address.name)
  if (address?.kind === 'cdev') return (await listDevices(roots)).find(({ cdev }) => cdev === text)
  if (!isSysfsName(text)) return undefined
  for (const kind of buses) {
    const device = await readDevice(sysfs, drivers, kind, text)
    if (device !== undefined) return device
  }
  return undefined
}

function concernsVfio({ kind, group, vfio, pci }: HostDevice): boolean {
  if (pci !== undefined && isBridge(pci)) return false
  return group !== undefined || vfio || kind === 'mdev'
}

async function readDevice(
  sysfs: Sysfs,
  drivers: FittingDrivers,
  kind: HostDeviceKind,
  name: string,
): Promise<HostDevice | undefined> {
  const path = `bus/${kind}/devices/${name}`
  if (!(await sysfs.exists(path))) return undefined
  const driver = await sysfs.linkName(path, 'driver')
  // vfio-dev is made by the VFIO core for every device registered with it (Linux 6.1).
  const vfio =
    (driver !== undefined && (kind === 'mdev' || isVfioDriver(driver))) ||
    (await sysfs.exists(path, 'vfio-dev'))
  const mdev = kind === 'mdev' ? await readMdevFacts(sysfs, name) : undefined
  const modalias = await sysfs.text(path, 'modalias')
  return {
    address: name,
    kind,
    driver,
    driverOverride: await readOverride(sysfs, path),
    vfioDriver: await drivers.best(kind, modalias),
    modalias,
    numaNode: await sysfs.number(path, 'numa_node'),
    vfio,
    group: await readGroup(sysfs, path, name),
    cdev: await readCdev(sysfs, path),
    pci: kind === 'pci' ? await readPciFacts(sysfs, path) : undefined,
    mdev,
    migration: await readMigrationSupport(sysfs, name, mdev ? (mdev.parentDriver ?? driver) : driver, kind),
  }
}

// The kernel prints a null pointer where nothing is set.
async function readOverride(sysfs: Sysfs, path: string): Promise<string | undefined> {
  const text = await sysfs.text(path, 'driver_override')
  return text === undefined || text === '' || text === '(null)' ? undefined : text
}
