// SPDX-License-Identifier: MIT
import { VfioError } from '../../errors/index.js'
import type { Group } from '../../host/group.js'
import { findDevice } from '../../host/list.js'
import type { HostRoots } from '../../host/sysfs.js'

/** Where the kernel keeps a device: what opening it through its group takes. */
export interface DeviceLocation {
  /** What `VFIO_GROUP_GET_DEVICE_FD` calls the device. */
  readonly name: string
  readonly driver: string | undefined
  readonly group: Group
  /** The device's own node, where the kernel makes those. */
  readonly cdev: string | undefined
}

/**
 * Looks a device up in sysfs. Opens nothing.
 * @param name a PCI address, an mdev UUID or a node below `/dev/vfio/devices`
 * @param spec how the caller named the device, for the error
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`; `ERR_VFIO_NOT_BOUND` naming the driver it is bound to; `ERR_VFIO_GROUP_NOT_VIABLE` naming
 *   the siblings that are in the way; `ERR_VFIO_NOIOMMU` for a group without an IOMMU, unless allowed, and for a device without a group
 */
export async function locateDevice(
  name: string,
  options: { readonly spec: string; readonly allowNoIommu?: boolean; readonly roots?: HostRoots },
): Promise<DeviceLocation> {
  const device = options.spec
  const found = await findDevice(name, options.roots)
  if (!found) {
    throw new VfioError('ERR_VFIO_NO_SUCH_DEVICE', `this host has no device ${name} that VFIO could open`, {
      device,
    })
  }
  if (!found.vfio) {
    const bound = found.driver === undefined ? 'no driver' : `the driver ${found.driver}`
    throw new VfioError(
      'ERR_VFIO_NOT_BOUND',
      `${found.address} is bound to ${bound}, not to one of VFIO's: vfio-migrate doctor ${found.address} has the command`,
      {
        device,
      },
    )
  }
  const { group } = found
  if (!group) {
    throw new VfioError(
      'ERR_VFIO_NOIOMMU',
      `${found.address} is in no IOMMU group: is an IOMMU there and enabled (intel_iommu=on, amd_iommu=on)?`,
      { device },
    )
  }
  if (group.noiommu && !options.allowNoIommu) {
    throw new VfioError(
      'ERR_VFIO_NOIOMMU',
      `${found.address} is in a group without an IOMMU: it could write to all of this machine's memory. Allow it by name, or not at all`,
      { device },
    )
  }
  if (group.blockers.length > 0) throw notViable(group, device)
  return { name: found.address, driver: found.driver ?? found.mdev?.parentDriver, group, cdev: found.cdev }
}

/** The error for a group that the kernel does not hand out, with the siblings that are known to be in the way. */
export function notViable(group: Group, device: string): VfioError {
  const blockers = group.blockers.map((address) => {
    const driver = group.siblings.find((sibling) => sibling.address === address)?.driver
    return driver === undefined ? address : `${address} (${driver})`
  })
  const who = blockers.length === 0 ? 'one of its devices' : blockers.join(', ')
  return new VfioError(
    'ERR_VFIO_GROUP_NOT_VIABLE',
    `IOMMU group ${group.id} cannot be used: ${who} has a driver that is not VFIO's; unbind it or bind it to vfio-pci`,
    { device },
  )
}
