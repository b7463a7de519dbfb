// SPDX-License-Identifier: MIT
import { parseAddress } from './address.js'
import { holdersOf, holdersText } from './holders.js'
import {
  carryOut,
  type HostChange,
  type HostChangeOptions,
  type PlannedWrite,
  refusal,
} from './host-change.js'
import { findDevice } from './list.js'
import { readPciFacts } from './pci-device.js'
import { Sysfs } from './sysfs.js'

export interface VirtualFunctionOptions extends HostChangeOptions {
  /**
   * Whether the kernel looks for drivers of the new functions (`sriov_drivers_autoprobe`). The setting is put back afterwards; `false` keeps
   * the host's own drivers away from functions that are meant for VFIO. Default: as the host is set.
   */
  readonly autoprobe?: boolean
  /** Remove the functions that exist, if their number is another: the kernel changes none to some only. Default false. */
  readonly replace?: boolean
}

export interface VirtualFunctionChange extends HostChange {
  /** How many there were. */
  readonly before: number
  /** How many there are, or will be. */
  readonly after: number
  /** Addresses of the functions, in order; empty in a dry run, which cannot know them. */
  readonly functions: readonly string[]
}

/**
 * Sets the number of virtual functions of a PCI physical function (`sriov_numvfs`); 0 removes them. Needs root, and a driver bound to the
 * physical function that supports it.
 * @param count 0 up to what the device offers (`sriov_totalvfs`)
 * @throws {RangeError} `ERR_OUT_OF_RANGE`: `count` is no such number
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`; `ERR_VFIO_UNSUPPORTED`: it has no virtual functions; `ERR_VFIO_IN_USE`: there are some
 *   already and `replace` was not said, or one of them is open
 * @throws {VfioHostChangeError} `ENOENT`: no driver, or one without SR-IOV; `ENOSPC`, `ENOMEM`: firmware left no room for their registers
 */
export async function setVirtualFunctions(
  pf: string,
  count: number,
  options: VirtualFunctionOptions = {},
): Promise<VirtualFunctionChange> {
  const sysfs = new Sysfs(options.roots)
  const address = parseAddress(pf)
  if (address?.kind !== 'pci')
    throw refusal('ERR_VFIO_DEVICE_SPEC', pf, `${JSON.stringify(pf)} is not a PCI address`)
  const path = `bus/pci/devices/${address.name}`
  if (!(await sysfs.exists(path)))
    throw refusal('ERR_VFIO_NO_SUCH_DEVICE', pf, `this host has no PCI function ${address.name}`)
  const sriov = (await readPciFacts(sysfs, path))?.sriov
  if (sriov === undefined) {
    throw refusal(
      'ERR_VFIO_UNSUPPORTED',
      pf,
      `${address.name} has no virtual functions to enable: it, or its firmware, offers no SR-IOV`,
    )
  }
  if (!Number.isInteger(count) || count < 0 || count > sriov.total) {
    const message = `${address.name} can have 0 to ${sriov.total} virtual functions, not ${count}`
    throw Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' })
  }
  if (count !== sriov.enabled && sriov.enabled > 0) {
    if (count > 0 && !options.replace) {
      throw refusal(
        'ERR_VFIO_IN_USE',
        pf,
        `${address.name} has ${sriov.enabled} virtual functions already: remove them first (set 0), or ask for them to be replaced`,
      )
    }
    if (!options.force) await refuseIfOpen(sysfs, pf, path, options)
  }
  const change = await carryOut(
    { device: address.name, writes: plan(`${sysfs.root}/${path}`, sriov, count, options.autoprobe) },
    options,
  )
  const functions = change.dryRun ? [] : ((await readPciFacts(sysfs, path))?.virtualFunctions ?? [])
  return { ...change, before: sriov.enabled, after: count, functions }
}

function plan(
  folder: string,
  sriov: { readonly enabled: number; readonly autoprobe: boolean | undefined },
  count: number,
  autoprobe: boolean | undefined,
): PlannedWrite[] {
  if (count === sriov.enabled) return []
  const number = `${folder}/sriov_numvfs`
  const setting = `${folder}/sriov_drivers_autoprobe`
  const writes: PlannedWrite[] = []
  if (sriov.enabled > 0)
    writes.push({ path: number, value: '0', undo: [{ path: number, value: `${sriov.enabled}` }] })
  if (count === 0) return writes
  const changed = autoprobe !== undefined && sriov.autoprobe !== undefined && autoprobe !== sriov.autoprobe
  const restore = { path: setting, value: sriov.autoprobe ? '1' : '0' }
  if (changed) writes.push({ path: setting, value: autoprobe ? '1' : '0', undo: [restore] })
  writes.push({ path: number, value: `${count}`, undo: [{ path: number, value: '0' }] })
  if (changed) writes.push(restore)
  return writes
}

async function refuseIfOpen(
  sysfs: Sysfs,
  pf: string,
  path: string,
  options: HostChangeOptions,
): Promise<void> {
  for (const name of (await readPciFacts(sysfs, path))?.virtualFunctions ?? []) {
    const device = await findDevice(name, options.roots)
    const holders = device?.vfio ? await holdersOf(sysfs, [device.cdev, device.group?.node]) : []
    if (holders.length > 0) throw refusal('ERR_VFIO_IN_USE', pf, `${name} is in use: ${holdersText(holders)}`)
  }
}
