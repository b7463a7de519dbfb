// SPDX-License-Identifier: MIT
import { bindPlan } from '../bind.js'
import { readDeviceUse } from '../device-use.js'
import type { FittingDriver } from '../fitting-driver.js'
import { isLoadable } from '../kernel-modules.js'
import type { HostDevice } from '../list.js'
import { shellCommand } from '../shell-quote.js'
import { type Examination, type Finding, finding, rootCommand, writeCommands } from './finding.js'

/** Whether the right driver has the device, and if not, the commands that give it to the right one. */
export async function examineDriver(examination: Examination, device: HostDevice): Promise<Finding> {
  const { address, driver, vfioDriver, kind } = device
  if (kind === 'mdev') {
    return driver === undefined
      ? finding('driver', 'problem', `${address} has no driver`, {
          device: address,
          why: 'an mdev is driven by the module that made it; the kernel log says why it did not take it',
        })
      : finding('driver', 'ok', `${address} is driven by ${device.mdev?.parentDriver ?? driver}`, {
          device: address,
        })
  }
  if (vfioDriver === undefined) {
    return finding('driver', 'note', `${address} is on a bus that VFIO has no driver for`, {
      device: address,
    })
  }
  const has = driver === undefined ? 'no driver has it' : `${driver} has it`
  if (!device.vfio) {
    return mend(
      examination,
      device,
      vfioDriver,
      'driver',
      `${address} cannot be opened through VFIO: ${has}`,
      {
        why: vfioDriver.variant
          ? `${vfioDriver.driver} is made for this very device, and is what can migrate it`
          : 'VFIO opens only what a VFIO driver has',
      },
    )
  }
  if (vfioDriver.variant && driver !== vfioDriver.driver) {
    return mend(
      examination,
      device,
      vfioDriver,
      'variant-driver',
      `${driver} has ${address}, and there is a better one: ${vfioDriver.driver}`,
      { why: `${vfioDriver.driver} is made for this very device; ${driver} cannot migrate it` },
    )
  }
  return finding('driver', 'ok', `${driver ?? 'VFIO'} has ${address}`, { device: address })
}

/** A command that takes a sibling out of the group's way. `undefined` where that would take a disk from the host. */
export async function unbindCommand(
  examination: Examination,
  sibling: { readonly address: string; readonly bus: string; readonly driver: string },
): Promise<string | undefined> {
  const { sysfs } = examination
  const { disks } = await readDeviceUse(sysfs, `bus/${sibling.bus}/devices/${sibling.address}`)
  if (disks.length > 0) return undefined
  const path = `${sysfs.root}/bus/${sibling.bus}/drivers/${sibling.driver}/unbind`
  return rootCommand(examination, ...writeCommands(examination, [{ path, value: sibling.address }]))
}

/** What goes with a driver, for people; empty when nothing does. */
export async function lossText(examination: Examination, bus: string, address: string): Promise<string> {
  const { interfaces, disks } = await readDeviceUse(examination.sysfs, `bus/${bus}/devices/${address}`)
  const parts = [
    ...(disks.length > 0 ? [`Its disks are in use (${disks.join(', ')}): free them first`] : []),
    ...(interfaces.length > 0 ? [`The host loses ${interfaces.join(', ')} with it`] : []),
  ]
  return parts.map((part) => `. ${part}`).join('')
}

async function mend(
  examination: Examination,
  device: HostDevice,
  best: FittingDriver,
  id: string,
  what: string,
  details: { readonly why: string },
): Promise<Finding> {
  const { sysfs } = examination
  const { address, kind } = device
  if (!best.loaded && (await isLoadable(sysfs, best.module)) === false) {
    return finding(id, 'problem', `${what}; this kernel has no module ${best.module}`, {
      device: address,
      why: details.why,
    })
  }
  const loss = await lossText(examination, kind, address)
  const { disks } = await readDeviceUse(sysfs, `bus/${kind}/devices/${address}`)
  const load = best.loaded ? [] : [shellCommand('modprobe', best.module)]
  const writes = writeCommands(examination, bindPlan(sysfs, device, best.driver).writes)
  return finding(id, 'problem', what, {
    device: address,
    why: `${details.why}${loss}`,
    command: disks.length > 0 ? undefined : rootCommand(examination, ...load, ...writes),
  })
}
