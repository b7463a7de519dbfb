// SPDX-License-Identifier: MIT
// Mediated devices of the kernel this runs on, made and removed through sysfs.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'

const MODULE = '/sys/module/vfm_test'
const PARENT = '/sys/class/mdev_bus/vfm_test/mdev_supported_types'

/** Whether the project's own module is loaded. */
export const hasTestModule = existsSync(PARENT)

/** What a device of the module takes from its parameters when it is made. */
export type Parameters = Readonly<Record<string, string | number>>

/** Makes a device of the project's module. `type` without the module's prefix, as in `v1-mapped`. */
export function createTestDevice(type: string, parameters: Parameters = {}): string {
  const before = Object.keys(parameters).map(
    (name) => [name, readFileSync(`${MODULE}/parameters/${name}`, 'utf8')] as const,
  )
  try {
    for (const [name, value] of Object.entries(parameters)) {
      writeFileSync(`${MODULE}/parameters/${name}`, `${value}`)
    }
    const uuid = randomUUID()
    writeFileSync(`${PARENT}/vfm_test-${type}/create`, uuid)
    return uuid
  } finally {
    for (const [name, value] of before) writeFileSync(`${MODULE}/parameters/${name}`, value.trim())
  }
}

/**
 * Removes a mediated device. The kernel makes whoever asks wait until nobody has it open, a mapping included, and mappings go when the event
 * loop turns: so it is not this thread that waits.
 */
export function removeDevice(uuid: string): Promise<void> {
  return writeFile(`/sys/bus/mdev/devices/${uuid}/remove`, '1')
}

/** Writes an attribute of the module's own (`fault`, `delay_ms`, ...). */
export function setAttribute(uuid: string, name: string, value: string | number): void {
  writeFileSync(`/sys/bus/mdev/devices/${uuid}/${name}`, `${value}`)
}

export function attribute(uuid: string, name: string): string {
  return readFileSync(`/sys/bus/mdev/devices/${uuid}/${name}`, 'utf8').trim()
}
