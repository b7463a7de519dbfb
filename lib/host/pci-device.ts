// SPDX-License-Identifier: MIT
import { parseAddress } from './address.js'
import type { Sysfs } from './sysfs.js'

/** What a PCI function says about itself in sysfs. */
export interface PciFacts {
  readonly vendorId: number
  readonly deviceId: number
  /** Base class, subclass and programming interface: 24 bits. */
  readonly classCode: number
  /** The physical function of a virtual one. */
  readonly physicalFunction: string | undefined
  /** The virtual functions that exist below a physical one. */
  readonly virtualFunctions: readonly string[]
  /** Of a physical function that can have virtual ones. */
  readonly sriov: SriovFacts | undefined
}

export interface SriovFacts {
  /** How many there can be (`sriov_totalvfs`; the driver may allow fewer than the device). */
  readonly total: number
  /** How many there are. */
  readonly enabled: number
  /** Whether the kernel looks for drivers of new ones; `undefined` where it is too old to be asked (before 4.13). */
  readonly autoprobe: boolean | undefined
}

// vfio-pci takes type 0 headers only (drivers/vfio/pci/vfio_pci_core.c); these subclasses of bridges have others.
const bridges = new Set([0x0604, 0x0607, 0x0609])

/** `undefined` when the function is gone or its attributes make no sense. */
export async function readPciFacts(sysfs: Sysfs, device: string): Promise<PciFacts | undefined> {
  const vendorId = await sysfs.number(device, 'vendor')
  const deviceId = await sysfs.number(device, 'device')
  const classCode = await sysfs.number(device, 'class')
  if (vendorId === undefined || deviceId === undefined || classCode === undefined) return undefined
  const functions: { index: number; address: string }[] = []
  for (const name of await sysfs.names(device)) {
    const index = /^virtfn([0-9]{1,5})$/.exec(name)?.[1]
    const address = index === undefined ? undefined : await pciLink(sysfs, device, name)
    if (address !== undefined) functions.push({ index: Number(index), address })
  }
  return {
    vendorId,
    deviceId,
    classCode,
    physicalFunction: await pciLink(sysfs, device, 'physfn'),
    virtualFunctions: functions.sort((a, b) => a.index - b.index).map(({ address }) => address),
    sriov: await readSriov(sysfs, device),
  }
}

async function readSriov(sysfs: Sysfs, device: string): Promise<SriovFacts | undefined> {
  const total = await sysfs.number(device, 'sriov_totalvfs')
  const enabled = await sysfs.number(device, 'sriov_numvfs')
  if (total === undefined || enabled === undefined || total === 0) return undefined
  const autoprobe = await sysfs.number(device, 'sriov_drivers_autoprobe')
  return { total, enabled, autoprobe: autoprobe === undefined ? undefined : autoprobe !== 0 }
}

/** Whether VFIO refuses the function whatever driver is asked to take it. */
export function isBridge(facts: PciFacts): boolean {
  return bridges.has(facts.classCode >> 8)
}

async function pciLink(sysfs: Sysfs, device: string, link: string): Promise<string | undefined> {
  const address = parseAddress((await sysfs.linkName(device, link)) ?? '')
  return address?.kind === 'pci' ? address.name : undefined
}
