// SPDX-License-Identifier: MIT
import type { HostDevice } from '../list.js'
import { lossText, unbindCommand } from './driver.js'
import { type Examination, type Finding, finding } from './finding.js'

/** Whether the device has an IOMMU group, and whether the group can be handed out. */
export async function examineGroup(
  examination: Examination,
  device: HostDevice,
  iommuIsOn: boolean,
): Promise<Finding[]> {
  const { address, group, kind } = device
  if (group === undefined) {
    // With the IOMMU off that is the one thing to say, and it is said.
    if (!iommuIsOn) return []
    return [
      finding('group', 'problem', `${address} is in no IOMMU group`, {
        device: address,
        why: 'the IOMMU does not stand between this device and memory, so VFIO cannot have it; the firmware decides which devices it covers',
      }),
    ]
  }
  if (group.noiommu) {
    return [
      finding('group', 'note', `no IOMMU protects memory from ${address} (noiommu)`, {
        device: address,
        why: 'the device can read and write all of the memory; it is opened only when allowed by name',
      }),
    ]
  }
  const others = group.blockers.filter((blocker) => blocker !== address)
  if (others.length === 0) {
    const alone = group.siblings.length === 0 ? 'alone in' : `one of ${group.siblings.length + 1} in`
    return [
      finding('group-viable', 'ok', `${address} is ${alone} IOMMU group ${group.id}`, { device: address }),
    ]
  }
  const findings: Finding[] = []
  for (const blocker of others) {
    const driver =
      group.siblings.find((sibling) => sibling.address === blocker)?.driver ?? 'a driver of its own'
    const bus = kind === 'mdev' ? 'pci' : kind
    findings.push(
      finding(
        'group-viable',
        'problem',
        `IOMMU group ${group.id} of ${address} cannot be opened while ${driver} has ${blocker}`,
        {
          device: address,
          why: `the IOMMU cannot tell the devices of a group apart, so all of them must be VFIO's or nobody's${await lossText(examination, bus, blocker)}`,
          command: await unbindCommand(examination, { address: blocker, bus, driver }),
        },
      ),
    )
  }
  return findings
}
