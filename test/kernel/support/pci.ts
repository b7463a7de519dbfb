// SPDX-License-Identifier: MIT
// PCI functions of the test machine.
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Addresses of the functions with these ids, in order. */
export function functionsOf(vendor: string, device: string): string[] {
  const folder = '/sys/bus/pci/devices'
  if (!existsSync(folder)) return []
  const id = (name: string, which: string): string =>
    readFileSync(`${folder}/${name}/${which}`, 'utf8').trim()
  return readdirSync(folder)
    .filter((name) => id(name, 'vendor') === vendor && id(name, 'device') === device)
    .sort()
}
