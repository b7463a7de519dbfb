// SPDX-License-Identifier: MIT
import type { Sysfs } from './sysfs.js'
import { leavesGroupViable } from './vfio-driver.js'

/** A device that shares an IOMMU group. */
export interface GroupSibling {
  readonly address: string
  readonly driver: string | undefined
}

/** The unit in which the IOMMU isolates devices: all of it is handed to one owner, or none. */
export interface Group {
  readonly id: number
  /** The group's other devices. */
  readonly siblings: readonly GroupSibling[]
  /** Addresses of members whose driver is neither VFIO nor one that leaves DMA alone: they keep the group from being used. */
  readonly blockers: readonly string[]
  /** No IOMMU stands between these devices and memory (`enable_unsafe_noiommu_mode`). */
  readonly noiommu: boolean
  /** The node of the group; `undefined` when it does not exist (no member is bound to VFIO). */
  readonly node: string | undefined
}

/** The group of the device at `device`, a path below sysfs, whose own name is `address`. */
export async function readGroup(sysfs: Sysfs, device: string, address: string): Promise<Group | undefined> {
  const name = await sysfs.linkName(device, 'iommu_group')
  if (name === undefined || !/^[0-9]{1,9}$/.test(name)) return undefined
  const id = Number(name)
  const folder = `kernel/iommu_groups/${id}`
  const siblings: GroupSibling[] = []
  const blockers: string[] = []
  for (const member of await sysfs.names(folder, 'devices')) {
    const driver = await sysfs.linkName(folder, 'devices', member, 'driver')
    if (member !== address) siblings.push({ address: member, driver })
    if (!(leavesGroupViable(driver) || (await isRegistered(sysfs, folder, member)))) blockers.push(member)
  }
  const noiommu = await isWithoutIommu(sysfs, id)
  const node = `vfio/${noiommu ? 'noiommu-' : ''}${id}`
  return {
    id,
    siblings,
    blockers,
    noiommu,
    node: (await sysfs.nodeExists(node)) ? `/dev/${node}` : undefined,
  }
}

// By the node's name. The group's own name does not tell: the kernel calls the groups of emulated devices (mdevs, which reach memory only
// through their driver and are safe) "vfio-noiommu" as well (drivers/vfio/group.c, vfio_noiommu_group_alloc).
async function isWithoutIommu(sysfs: Sysfs, id: number): Promise<boolean> {
  return (await sysfs.exists('class/vfio', `noiommu-${id}`)) || (await sysfs.nodeExists(`vfio/noiommu-${id}`))
}

// Drivers of mdevs, and the odd VFIO driver, do not carry VFIO in their name; the core's own folder (Linux 6.1) and the mdev's type do tell.
async function isRegistered(sysfs: Sysfs, group: string, member: string): Promise<boolean> {
  const device = `${group}/devices/${member}`
  return (await sysfs.exists(device, 'vfio-dev')) || (await sysfs.exists(device, 'mdev_type'))
}

/** The device node of a device's own (`CONFIG_VFIO_DEVICE_CDEV`), from `vfio-dev/vfioN` below it. */
export async function readCdev(sysfs: Sysfs, device: string): Promise<string | undefined> {
  for (const name of await sysfs.names(device, 'vfio-dev')) {
    if (/^vfio[0-9]+$/.test(name) && (await sysfs.exists(device, 'vfio-dev', name, 'dev'))) {
      return `/dev/vfio/devices/${name}`
    }
  }
  return undefined
}
