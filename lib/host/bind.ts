// SPDX-License-Identifier: MIT
// Which driver has a device: by driver_override, which no other device is affected by (unlike new_id).
import type { VfioError } from '../errors/index.js'
import { isDriverName } from './address.js'
import { readDeviceUse } from './device-use.js'
import { type FittingDriver, FittingDrivers, findDriver } from './fitting-driver.js'
import { holdersOf, holdersText } from './holders.js'
import {
  carryOut,
  type HostChange,
  type HostChangeOptions,
  type Plan,
  type PlannedWrite,
  refusal,
} from './host-change.js'
import { type HostDevice, lookUpDevice } from './list.js'
import { shellCommand } from './shell-quote.js'
import { Sysfs } from './sysfs.js'

/** A change of drivers, done or planned. */
export interface DriverChange extends HostChange {
  /** The driver before; `undefined` for none. */
  readonly before: string | undefined
  /** The driver after. */
  readonly after: string | undefined
}

export interface UnbindOptions extends HostChangeOptions {
  /** Clear `driver_override` and let the kernel choose the driver again, instead of leaving the device without one. Default false. */
  readonly giveBack?: boolean
}

/**
 * Binds a device to a driver: `driver_override`, `unbind` from the driver it has, `drivers_probe`. Nothing is loaded: a module that is missing
 * is named with the command that loads it. Needs root.
 *
 * @param address a PCI address, or the name of a platform, AMBA or fsl-mc device
 * @param driver default: the VFIO driver made for the device where this kernel has one (by `modules.alias`), else the general one of its bus
 *   (vfio-pci)
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`; `ERR_VFIO_NO_SUCH_DRIVER`; `ERR_VFIO_IN_USE`: somebody has the device open, or its disks
 *   are mounted (`force` does it all the same); `ERR_VFIO_UNSUPPORTED` for an mdev, whose driver is its parent's
 * @throws {VfioHostChangeError} a write failed, or the driver refused the device; the device has its former driver again
 */
export async function bindDevice(
  address: string,
  driver?: string,
  options: HostChangeOptions = {},
): Promise<DriverChange> {
  const sysfs = new Sysfs(options.roots)
  const device = await boundDevice(address, options)
  const wanted = await chooseDriver(sysfs, device, driver)
  if (device.driver === wanted)
    return {
      device: device.address,
      dryRun: options.dryRun ?? false,
      writes: [],
      before: wanted,
      after: wanted,
    }
  if (!options.force) await refuseIfUsed(sysfs, device)
  const change = await carryOut(bindPlan(sysfs, device, wanted), options)
  return { ...change, before: device.driver, after: wanted }
}

/**
 * Takes a device from its driver, and with `giveBack` lets the kernel choose one for it, as it would at boot. Needs root.
 *
 * The kernel does not take a device from a VFIO driver while somebody has it open: the write then waits, beyond any signal, until the last
 * holder closes it. So holders that can be seen are refused, and `force` waits.
 * @throws {VfioError} as {@link bindDevice}
 */
export async function unbindDevice(address: string, options: UnbindOptions = {}): Promise<DriverChange> {
  const { giveBack = false } = options
  const sysfs = new Sysfs(options.roots)
  const device = await boundDevice(address, options)
  if (device.driver !== undefined && !options.force) await refuseIfUsed(sysfs, device)
  const change = await carryOut(unbindPlan(sysfs, device, giveBack), options)
  const after = giveBack && !change.dryRun ? await driverOf(sysfs, device) : undefined
  return { ...change, before: device.driver, after }
}

/** The writes that bind a device to a driver that is there. */
export function bindPlan(sysfs: Sysfs, device: HostDevice, driver: string): Plan {
  const override = attribute(sysfs, device, 'driver_override')
  const probe = { path: `${sysfs.root}/bus/${device.kind}/drivers_probe`, value: device.address }
  const before = { path: override, value: device.driverOverride ?? '\n' }
  const writes: PlannedWrite[] = [{ path: override, value: driver, undo: [before] }]
  if (device.driver !== undefined) {
    // The former driver takes the device back only once the override names it, or nothing, again.
    writes.push({ ...unbindWrite(sysfs, device, device.driver), undo: [before, probe] })
  }
  // Where the driver did not take the device there is nothing to unbind.
  writes.push({ ...probe, undo: [{ ...unbindWrite(sysfs, device, driver), mayFail: true }] })
  const verify = async (): Promise<void> => {
    const now = await driverOf(sysfs, device)
    if (now !== driver) throw refused(device, driver, now)
  }
  return { device: device.address, writes, verify }
}

function unbindPlan(sysfs: Sysfs, device: HostDevice, giveBack: boolean): Plan {
  const override = attribute(sysfs, device, 'driver_override')
  const probe = { path: `${sysfs.root}/bus/${device.kind}/drivers_probe`, value: device.address }
  const writes: PlannedWrite[] = []
  if (giveBack && device.driverOverride !== undefined) {
    writes.push({ path: override, value: '\n', undo: [{ path: override, value: device.driverOverride }] })
  }
  if (device.driver !== undefined)
    writes.push({ ...unbindWrite(sysfs, device, device.driver), undo: [probe] })
  if (giveBack && writes.length > 0) writes.push(probe)
  return { device: device.address, writes }
}

/**
 * The driver to bind a device to, under the name it has in sysfs.
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DRIVER` with the command that may load it; `ERR_VFIO_UNSUPPORTED`
 */
export async function chooseDriver(sysfs: Sysfs, device: HostDevice, driver?: string): Promise<string> {
  if (driver !== undefined && !isDriverName(driver)) {
    throw refusal(
      'ERR_VFIO_NO_SUCH_DRIVER',
      device.address,
      `${JSON.stringify(driver)} cannot be the name of a driver`,
    )
  }
  const best: FittingDriver | undefined =
    driver === undefined ? await new FittingDrivers(sysfs).best(device.kind, device.modalias) : undefined
  const wanted = driver ?? best?.driver
  if (wanted === undefined)
    throw refusal(
      'ERR_VFIO_UNSUPPORTED',
      device.address,
      `there is no VFIO driver for devices of the ${device.kind} bus`,
    )
  const present = await findDriver(sysfs, device.kind, wanted)
  if (present !== undefined) return present
  throw refusal(
    'ERR_VFIO_NO_SUCH_DRIVER',
    device.address,
    `this kernel has no driver ${wanted} now; if it has a module of that: ${shellCommand('modprobe', best?.module ?? wanted)}`,
  )
}

/** @throws {VfioError} `ERR_VFIO_IN_USE` */
export async function refuseIfUsed(sysfs: Sysfs, device: HostDevice): Promise<void> {
  const path = `bus/${device.kind}/devices/${device.address}`
  const holders = device.vfio ? await holdersOf(sysfs, [device.cdev, ...soleNode(device)]) : []
  if (holders.length > 0) throw inUse(device, holdersText(holders))
  const { disks } = await readDeviceUse(sysfs, path)
  if (disks.length > 0) throw inUse(device, `its disks are in use: ${disks.join(', ')}`)
}

// A group's node says that the device is open only where the group has no other.
function soleNode({ group }: HostDevice): readonly (string | undefined)[] {
  return group === undefined || group.siblings.some(({ driver }) => driver !== undefined) ? [] : [group.node]
}

function inUse(device: HostDevice, why: string): VfioError {
  return refusal(
    'ERR_VFIO_IN_USE',
    device.address,
    `${device.address} is in use: ${why}; force it if that may be`,
  )
}

async function boundDevice(address: string, options: HostChangeOptions): Promise<HostDevice> {
  const device = await lookUpDevice(address, options.roots)
  if (device === undefined) {
    throw refusal('ERR_VFIO_NO_SUCH_DEVICE', address, `this host has no device ${address}`)
  }
  if (device.kind === 'mdev') {
    throw refusal(
      'ERR_VFIO_UNSUPPORTED',
      address,
      `${address} is an mdev: its driver is its parent's, and it is removed rather than unbound`,
    )
  }
  return device
}

function unbindWrite(sysfs: Sysfs, device: HostDevice, driver: string): { path: string; value: string } {
  return { path: `${sysfs.root}/bus/${device.kind}/drivers/${driver}/unbind`, value: device.address }
}

function attribute(sysfs: Sysfs, device: HostDevice, name: string): string {
  return `${sysfs.root}/bus/${device.kind}/devices/${device.address}/${name}`
}

async function driverOf(sysfs: Sysfs, device: HostDevice): Promise<string | undefined> {
  return sysfs.linkName('bus', device.kind, 'devices', device.address, 'driver')
}

function refused(device: HostDevice, driver: string, now: string | undefined): VfioError {
  const instead = now === undefined ? 'it has none now' : `${now} has it`
  return refusal(
    'ERR_VFIO_HOST_CHANGE',
    device.address,
    `${driver} did not take ${device.address} (${instead}); the kernel log says why: ${shellCommand('dmesg')} | grep -e ${shellCommand(device.address)} -e vfio`,
  )
}
