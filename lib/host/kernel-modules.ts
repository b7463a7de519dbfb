// SPDX-License-Identifier: MIT
import type { Sysfs } from './sysfs.js'

// PCI_DRIVER_OVERRIDE_DEVICE_VFIO in <linux/pci.h>: a driver that takes a device only if driver_override names it declares its ids with this
// prefix in place of the bus's (scripts/mod/file2alias.c, do_pci_entry).
const overridePrefix = 'vfio_pci:'

/** A module that declares itself for a device, with the pattern that it declares. */
export interface ModuleAlias {
  readonly pattern: string
  readonly module: string
}

/**
 * The aliases of VFIO's PCI drivers: those of `modules.alias` (loadable) and of `modules.builtin.modinfo` (built in). Empty where the kernel's
 * module folder cannot be read, or lists none (before Linux 5.16 VFIO drivers declared nothing).
 */
export async function vfioAliases(sysfs: Sysfs): Promise<ModuleAlias[]> {
  const aliases: ModuleAlias[] = []
  for (const line of ((await sysfs.moduleText('modules.alias')) ?? '').split('\n')) {
    const [word, pattern, module, ...rest] = line.split(' ')
    if (word === 'alias' && pattern?.startsWith(overridePrefix) && module && rest.length === 0)
      aliases.push({ pattern, module })
  }
  for (const entry of ((await sysfs.moduleText('modules.builtin.modinfo')) ?? '').split('\0')) {
    const [, module, pattern] = /^([^.=]+)\.alias=(vfio_pci:.*)$/s.exec(entry) ?? []
    if (module !== undefined && pattern !== undefined) aliases.push({ pattern, module })
  }
  return aliases
}

/** Modules whose aliases match a device, by the device's `modalias` (`pci:v000015B3d...`), each once, in the order they are listed. */
export function modulesFor(modalias: string, aliases: readonly ModuleAlias[]): string[] {
  if (!modalias.startsWith('pci:')) return []
  const name = `${overridePrefix}${modalias.slice('pci:'.length)}`
  const found = aliases.filter(({ pattern }) => matches(pattern, name)).map(({ module }) => module)
  return [...new Set(found)]
}

/** A module's name with dashes and underscores made the same, as the kernel itself compares them. */
export function canonicalModule(name: string): string {
  return name.replaceAll('-', '_')
}

/** Whether the kernel has the module: loaded, or built in with parameters or a version (only those have a folder), or built in and listed. */
export async function hasModule(sysfs: Sysfs, module: string): Promise<boolean> {
  if (await sysfs.exists('module', canonicalModule(module))) return true
  const builtin = (await sysfs.moduleText('modules.builtin')) ?? ''
  return builtin.split('\n').some((path) => moduleOf(path) === canonicalModule(module))
}

/** Whether `modprobe` would find the module. `undefined` where the kernel's module folder cannot be read. */
export async function isLoadable(sysfs: Sysfs, module: string): Promise<boolean | undefined> {
  const dependencies = await sysfs.moduleText('modules.dep')
  if (dependencies === undefined) return undefined
  return dependencies
    .split('\n')
    .some((line) => moduleOf(line.split(':', 1)[0] ?? '') === canonicalModule(module))
}

function moduleOf(path: string): string {
  return canonicalModule((path.split('/').at(-1) ?? '').replace(/\.ko(?:\.\w+)?$/, ''))
}

// fnmatch(3) with the star and the question mark, which is what aliases use. Backtracks to the last star only, so never for long.
function matches(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let index = 0
  while (index < text.length) {
    const wanted = pattern[at]
    if (wanted === '*') {
      star = at
      resume = index
      at += 1
    } else if (wanted === text[index] || wanted === '?') {
      at += 1
      index += 1
    } else if (star >= 0) {
      at = star + 1
      resume += 1
      index = resume
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}
