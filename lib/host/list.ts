// SPDX-License-Identifier: MIT
import { isSysfsName, parseAddress } from './address.js'
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
  const devices: HostDevice[] = []
  for (const kind of buses) {
    for (const name of await sysfs.names(`bus/${kind}/devices`)) {
      const device = isSysfsName(name) ? await readDevice(sysfs, kind, name) : undefined
      if (device !== undefined) devices.push(device)
    }
  }
  return devices
}

/**
 * One device by its PCI address, mdev UUID, device node (`/dev/vfio/devices/vfio0`) or sysfs name; `undefined` when the host has no such
 * device or VFIO cannot have it. Opens nothing.
 */
export async function findDevice(text: string, roots: HostRoots = {}): Promise<HostDevice | undefined> {
  const sysfs = new Sysfs(roots)
  const address = parseAddress(text)
  if (address?.kind === 'pci' || address?.kind === 'mdev')
    return readDevice(sysfs, address.kind, address.name)
  if (address?.kind === 'cdev') return (await listDevices(roots)).find(({ cdev }) => cdev === text)
  if (!isSysfsName(text)) return undefined
  for (const kind of buses) {
    const device = await readDevice(sysfs, kind, text)
    if (device !== undefined) return device
  }
  return undefined
}

async function readDevice(sysfs: Sysfs, kind: HostDeviceKind, name: string): Promise<HostDevice | undefined> {
  const path = `bus/${kind}/devices/${name}`
  if (!(await sysfs.exists(path))) return undefined
  const group = await readGroup(sysfs, path, name)
  const driver = await sysfs.linkName(path, 'driver')
  // vfio-dev is made by the VFIO core for every device registered with it (Linux 6.1).
  const vfio =
    (driver !== undefined && (kind === 'mdev' || isVfioDriver(driver))) ||
    (await sysfs.exists(path, 'vfio-dev'))
  if (group === undefined && !vfio && kind !== 'mdev') return undefined
  const pci = kind === 'pci' ? await readPciFacts(sysfs, path) : undefined
  if (pci !== undefined && isBridge(pci)) return undefined
  const mdev = kind === 'mdev' ? await readMdevFacts(sysfs, name) : undefined
  return {
    address: name,
    kind,
    driver,
    vfio,
    group,
    cdev: await readCdev(sysfs, path),
    pci,
    mdev,
    migration: await readMigrationSupport(sysfs, name, mdev ? (mdev.parentDriver ?? driver) : driver, kind),
  }
}
