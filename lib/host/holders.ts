// SPDX-License-Identifier: MIT
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sysfs } from './sysfs.js'

/** A process that has a VFIO node open. */
export interface Holder {
  readonly pid: number
  /** Its name, as `/proc/PID/comm` has it. */
  readonly command: string
  /** What it has open: `/dev/vfio/41`, `/dev/vfio/devices/vfio3`. */
  readonly node: string
}

/**
 * Processes that hold one of `nodes` open, as far as `/proc` shows them to us (all of them to root). A process that was handed a device's
 * descriptor without its group's is not found: the link of such a descriptor names no device.
 */
export async function holdersOf(sysfs: Sysfs, nodes: readonly (string | undefined)[]): Promise<Holder[]> {
  const wanted = new Set(nodes.filter((node) => node !== undefined))
  if (wanted.size === 0) return []
  const holders: Holder[] = []
  for (const name of await readdir(sysfs.proc).catch(() => [])) {
    if (!/^[0-9]{1,10}$/.test(name)) continue
    const found = new Set<string>()
    for (const fd of await readdir(join(sysfs.proc, name, 'fd')).catch(() => [])) {
      const target = await readlink(join(sysfs.proc, name, 'fd', fd)).catch(() => '')
      if (wanted.has(target)) found.add(target)
    }
    const command = found.size === 0 ? '' : ((await sysfs.procText(name, 'comm')) ?? 'unknown')
    for (const node of found) holders.push({ pid: Number(name), command, node })
  }
  return holders
}

/** Holders for people. */
export function holdersText(holders: readonly Holder[]): string {
  return holders.map(({ pid, command, node }) => `process ${pid} (${command}) has ${node}`).join(', ')
}
