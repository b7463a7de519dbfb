// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto'
import { isDriverName, isSysfsName, isUuid } from './address.js'
import { holdersOf, holdersText } from './holders.js'
import { carryOut, type HostChange, type HostChangeOptions, refusal } from './host-change.js'
import { findDevice } from './list.js'
import { Sysfs } from './sysfs.js'

/** A kind of mediated device that a parent can make. */
export interface MdevType {
  /** The parent's name below `/sys/class/mdev_bus`: a PCI address, or a name such as `mtty`. */
  readonly parent: string
  /** Such as `mtty-2` or `i915-GVTg_V5_4`. */
  readonly type: string
  /** What the driver calls it. */
  readonly name: string | undefined
  /** How many more can be made now. */
  readonly available: number | undefined
}

export interface CreateMdevOptions extends HostChangeOptions {
  /** Default: a random one. */
  readonly uuid?: string
}

/** Every type of mediated device that this host offers. */
export async function listMdevTypes(roots: HostChangeOptions['roots'] = {}): Promise<MdevType[]> {
  const sysfs = new Sysfs(roots)
  const types: MdevType[] = []
  for (const parent of (await sysfs.names('class/mdev_bus')).filter(isSysfsName)) {
    for (const type of (await sysfs.names('class/mdev_bus', parent, 'mdev_supported_types')).filter(
      isDriverName,
    )) {
      const folder = ['class/mdev_bus', parent, 'mdev_supported_types', type] as const
      types.push({
        parent,
        type,
        name: await sysfs.text(...folder, 'name'),
        available: await sysfs.number(...folder, 'available_instances'),
      })
    }
  }
  return types
}

/**
 * Makes a mediated device. Its name is its UUID, in `device` of the answer. Needs root.
 * @param parent as {@link listMdevTypes} has it
 * @param type as {@link listMdevTypes} has it
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC`: not a UUID; `ERR_VFIO_NO_SUCH_DEVICE`: no such parent or type (the message has those there
 *   are); `ERR_VFIO_IN_USE`: the UUID is taken, or none of that type is left
 * @throws {VfioHostChangeError} the driver refused
 */
export async function createMdev(
  parent: string,
  type: string,
  options: CreateMdevOptions = {},
): Promise<HostChange> {
  const sysfs = new Sysfs(options.roots)
  const uuid = (options.uuid ?? randomUUID()).toLowerCase()
  if (!isUuid(uuid))
    throw refusal('ERR_VFIO_DEVICE_SPEC', uuid, `${JSON.stringify(options.uuid)} is not a UUID`)
  const types = await listMdevTypes(options.roots)
  const found = types.find((one) => one.parent === parent && one.type === type)
  if (found === undefined) {
    const offered = types.map((one) => `${one.parent} ${one.type}`).join(', ')
    throw refusal(
      'ERR_VFIO_NO_SUCH_DEVICE',
      parent,
      `no parent ${parent} offers mdevs of type ${type}; this host has: ${offered || 'none'}`,
    )
  }
  if (await sysfs.exists('bus/mdev/devices', uuid))
    throw refusal('ERR_VFIO_IN_USE', uuid, `there is an mdev ${uuid} already`)
  if (found.available === 0)
    throw refusal('ERR_VFIO_IN_USE', parent, `${parent} can make no more mdevs of type ${type}`)
  const path = `${sysfs.root}/class/mdev_bus/${parent}/mdev_supported_types/${type}/create`
  return carryOut({ device: uuid, writes: [{ path, value: uuid }] }, options)
}

/**
 * Removes a mediated device. Needs root. The kernel waits until nobody has it open, beyond any signal; so holders that can be seen are refused,
 * and `force` waits.
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC`: not a UUID; `ERR_VFIO_NO_SUCH_DEVICE`; `ERR_VFIO_IN_USE`
 * @throws {VfioHostChangeError} the kernel refused
 */
export async function removeMdev(uuid: string, options: HostChangeOptions = {}): Promise<HostChange> {
  const name = uuid.toLowerCase()
  if (!isUuid(name)) throw refusal('ERR_VFIO_DEVICE_SPEC', uuid, `${JSON.stringify(uuid)} is not a UUID`)
  const sysfs = new Sysfs(options.roots)
  const device = await findDevice(name, options.roots)
  if (device === undefined) throw refusal('ERR_VFIO_NO_SUCH_DEVICE', uuid, `this host has no mdev ${name}`)
  const holders = options.force ? [] : await holdersOf(sysfs, [device.cdev, device.group?.node])
  if (holders.length > 0)
    throw refusal(
      'ERR_VFIO_IN_USE',
      name,
      `${name} is in use: ${holdersText(holders)}; force it to wait for them`,
    )
  return carryOut(
    { device: name, writes: [{ path: `${sysfs.root}/bus/mdev/devices/${name}/remove`, value: '1' }] },
    options,
  )
}
