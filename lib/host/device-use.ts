// SPDX-License-Identifier: MIT
import type { Sysfs } from './sysfs.js'

/** What the host would lose with a device's driver. */
export interface DeviceUse {
  /** Network interfaces of the device. */
  readonly interfaces: readonly string[]
  /** Its disks and partitions that are mounted, swapped to, or part of another device (RAID, device mapper). */
  readonly disks: readonly string[]
}

/** What the device at `device` (a path below sysfs) is used for through its present driver. */
export async function readDeviceUse(sysfs: Sysfs, device: string): Promise<DeviceUse> {
  const place = await sysfs.target(device)
  if (place === undefined) return { interfaces: [], disks: [] }
  const interfaces = await namesBelow(sysfs, 'net', place)
  const mounted = await mountedNumbers(sysfs)
  const disks: string[] = []
  for (const name of await namesBelow(sysfs, 'block', place)) {
    const parts = (await sysfs.names('class/block', name)).filter((part) => part.startsWith(name))
    for (const part of [name, ...parts]) {
      const number = await sysfs.text('class/block', part, 'dev')
      const held = await sysfs.names('class/block', part, 'holders')
      if (held.length > 0 || (number !== undefined && mounted.has(number))) disks.push(part)
    }
  }
  return { interfaces, disks }
}

async function namesBelow(sysfs: Sysfs, folder: string, place: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await sysfs.names('class', folder)) {
    if ((await sysfs.target('class', folder, name))?.startsWith(`${place}/`)) found.push(name)
  }
  return found
}

// Device numbers, as 8:1. Swap is listed by path; its number is that of the file's name in sysfs.
async function mountedNumbers(sysfs: Sysfs): Promise<Set<string>> {
  const numbers = new Set<string>()
  for (const line of ((await sysfs.procText('self/mountinfo')) ?? '').split('\n')) {
    const number = line.split(' ')[2]
    if (number !== undefined && /^[0-9]+:[0-9]+$/.test(number)) numbers.add(number)
  }
  for (const line of ((await sysfs.procText('swaps')) ?? '').split('\n')) {
    const name = /^\/dev\/([^/\s]+)\s/.exec(line)?.[1]
    const number = name === undefined ? undefined : await sysfs.text('class/block', name, 'dev')
    if (number !== undefined) numbers.add(number)
  }
  return numbers
}
