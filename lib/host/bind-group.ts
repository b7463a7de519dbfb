// SPDX-License-Identifier: MIT
import { bindPlan, chooseDriver, refuseIfUsed } from './bind.js'
import { carryOut, type HostChange, type HostChangeOptions, refusal } from './host-change.js'
import { findDevice } from './list.js'
import { Sysfs } from './sysfs.js'

/** A group made usable, or the plan to. */
export interface GroupChange extends HostChange {
  /** The group's number. */
  readonly group: number
  /** The devices whose driver changes, with their driver afterwards. */
  readonly bound: readonly { readonly device: string; readonly driver: string }[]
}

/**
 * Makes a device usable together with its IOMMU group, and changes no more than that takes: the device is bound to `driver`, and so is, to the
 * VFIO driver that fits it, every sibling whose driver keeps the group from being viable. Siblings without a driver, or with one that leaves
 * DMA alone (bridges), stay as they are. All or nothing: when one fails, those before it get their drivers back.
 * @param driver default: as {@link bindDevice} chooses it
 * @throws {VfioError} as {@link bindDevice}, and `ERR_VFIO_NOIOMMU` for a device without a group
 * @throws {VfioHostChangeError} as {@link bindDevice}
 */
export async function bindGroup(
  address: string,
  driver?: string,
  options: HostChangeOptions = {},
): Promise<GroupChange> {
  const sysfs = new Sysfs(options.roots)
  const device = await findDevice(address, options.roots)
  if (device === undefined) {
    throw refusal(
      'ERR_VFIO_NO_SUCH_DEVICE',
      address,
      `this host has no device ${address} that VFIO could have`,
    )
  }
  if (device.kind === 'mdev') {
    throw refusal(
      'ERR_VFIO_UNSUPPORTED',
      address,
      `${address} is an mdev, in a group of its own that is always viable`,
    )
  }
  const { group } = device
  if (group === undefined) {
    throw refusal(
      'ERR_VFIO_NOIOMMU',
      address,
      `${address} is in no IOMMU group: is the IOMMU on? (vfio-migrate doctor)`,
    )
  }
  const wanted = await chooseDriver(sysfs, device, driver)
  const members = [{ member: device, to: wanted }]
  for (const blocker of group.blockers.filter((name) => name !== device.address)) {
    const member = await findDevice(blocker, options.roots)
    if (member === undefined) {
      throw refusal(
        'ERR_VFIO_GROUP_NOT_VIABLE',
        address,
        `${blocker} keeps group ${group.id} from being used, and VFIO cannot have it`,
      )
    }
    members.push({ member, to: await chooseDriver(sysfs, member) })
  }
  const changing = members.filter(({ member, to }) => member.driver !== to)
  if (!options.force) for (const { member } of changing) await refuseIfUsed(sysfs, member)
  const plans = changing.map(({ member, to }) => bindPlan(sysfs, member, to))
  const change = await carryOut(
    {
      device: device.address,
      writes: plans.flatMap(({ writes }) => writes),
      verify: async () => {
        for (const { verify } of plans) await verify?.()
      },
    },
    options,
  )
  return {
    ...change,
    group: group.id,
    bound: changing.map(({ member, to }) => ({ device: member.address, driver: to })),
  }
}
