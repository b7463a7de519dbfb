// SPDX-License-Identifier: MIT
// A device of the project's kernel module for each source. They go with the machine that they are made in.
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { sources } from '../data-path.mjs'

const MODULE = '/sys/module/vfm_test/parameters'
const TYPES = '/sys/class/mdev_bus/vfm_test/mdev_supported_types'

/** @returns {{ path: string, spec: string, bytes: number }} its directory in sysfs, what the library opens, and the size of its memory */
function makeDevice(type, bytes) {
  const parameter = `${MODULE}/state_bytes`
  const before = readFileSync(parameter, 'utf8')
  writeFileSync(parameter, String(bytes))
  try {
    const uuid = randomUUID()
    writeFileSync(`${TYPES}/vfm_test-${type}/create`, uuid)
    return { path: `/sys/bus/mdev/devices/${uuid}`, spec: uuid, bytes }
  } finally {
    writeFileSync(parameter, before.trim())
  }
}

export const makeDevices = (bytes) =>
  Object.fromEntries(sources.map((source) => [source, makeDevice(source, bytes)]))
