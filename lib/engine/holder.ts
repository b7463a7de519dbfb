// SPDX-License-Identifier: MIT
import { stat } from 'node:fs/promises'
import { parseDeviceSpec } from '../device/spec.js'

/**
 * Who holds a device besides the engine, so that it can be told whether that is still the same one after a crash: a keeper or a vfio-user
 * server, by the node of its socket, which every one of them makes anew. `undefined`: nobody, the device goes with the engine.
 */
export async function holderOf(spec: string): Promise<string | undefined> {
  const parsed = parseDeviceSpec(spec)
  if (parsed.kind !== 'held' && parsed.kind !== 'vfio-user') return undefined
  try {
    // Not by the time of its last change, which a chmod moves.
    const { ino, dev, birthtimeNs } = await stat(parsed.path, { bigint: true })
    return `${dev}:${ino}:${birthtimeNs}`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
