// SPDX-License-Identifier: MIT
// What the snapshot of a set comes to, as far as it can be believed.
import { believed, remainingOf } from '../migration/estimate.js'
import type { PreCopySnapshot } from '../migration/switchover-policy.js'
import type { SetSnapshot } from './set-policy.js'

/**
 * What pre-copy has left of all devices and of the memory that goes with them, in bytes; `undefined` when it is unknown of a device that is not
 * drained. Costs nothing.
 */
export function remainingBytes({ devices, memory }: SetSnapshot): number | undefined {
  let sum = memory?.remainingBytes ?? 0
  for (const device of devices) {
    const remaining = remainingOf(device)
    if (remaining === undefined) return undefined
    sum += remaining
  }
  return sum
}

/**
 * What stop-copy would yield of all devices, and what is left of their memory, in bytes. Asks each, which is a firmware command on some. It
 * includes what pre-copy has left, so the two are never added; the latter stands in for a device whose answer cannot be believed: none, 0, wrapped, or absurdly much.
 */
export async function stopCopyBytes({ devices, memory }: SetSnapshot): Promise<number | undefined> {
  const sizes = await Promise.all(devices.map(stopCopyBytesOf))
  let sum = memory?.remainingBytes ?? 0
  for (const size of sizes) {
    if (size === undefined) return undefined
    sum += size
  }
  return sum
}

async function stopCopyBytesOf(device: PreCopySnapshot): Promise<number | undefined> {
  const size = await device.stopCopySize()
  return (size === 0n ? undefined : believed(size, device.bytes)) ?? remainingOf(device)
}

/**
 * Bytes per second for the data of the set: as given, else measured; `undefined` before there was enough to measure. For several devices
 * what all have moved, over the time that the busiest spent on it: they share one way, and the rates they have one at a time do not add up.
 * Memory takes the same way: what it was measured at counts where that is more.
 */
export function bandwidthOf({ devices, bandwidth, memory }: SetSnapshot): number | undefined {
  if (bandwidth !== undefined) return bandwidth
  const ofDevices = bandwidthOfDevices(devices)
  if (memory?.bandwidth === undefined) return ofDevices
  return Math.max(memory.bandwidth, ofDevices ?? 0)
}

function bandwidthOfDevices(devices: readonly PreCopySnapshot[]): number | undefined {
  if (devices.length === 1) return devices[0]?.bandwidth
  const bytes = devices.reduce((sum, device) => sum + device.bytes, 0)
  const ms = Math.max(0, ...devices.map(({ transferMs }) => transferMs))
  return ms < 1 ? undefined : (bytes / ms) * 1000
}

/** Milliseconds since the first of them began. */
export function elapsedMs({ devices }: SetSnapshot): number {
  return Math.max(0, ...devices.map((device) => device.elapsedMs))
}

export interface DowntimeAssumptions {
  /** Bytes per second, instead of what was measured. */
  readonly bandwidth?: number | undefined
  /** Milliseconds of downtime besides the transfer: to stop, to load and to resume. Default 0. */
  readonly overhead?: number | undefined
}

/** Milliseconds of downtime if the devices were stopped now; `undefined` where the size or the bandwidth is unknown. */
export async function expectedDowntime(
  snapshot: SetSnapshot,
  { bandwidth, overhead = 0 }: DowntimeAssumptions = {},
): Promise<number | undefined> {
  const bytes = await stopCopyBytes(snapshot)
  if (bytes === 0) return overhead
  const rate = bandwidth ?? bandwidthOf(snapshot)
  if (bytes === undefined || rate === undefined || rate <= 0) return undefined
  return overhead + (bytes / rate) * 1000
}
