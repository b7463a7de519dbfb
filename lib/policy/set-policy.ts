// SPDX-License-Identifier: MIT
import type { MemorySnapshot } from '../memory/memory-pace.js'
import type { PreCopySnapshot, SwitchoverAnswer, SwitchoverPolicy } from '../migration/switchover-policy.js'

/** What is known of the devices that leave pre-copy together; one, or several. */
export interface SetSnapshot {
  readonly devices: readonly PreCopySnapshot[]
  /** Bytes per second that the data of all of them takes, where somebody measured it for the whole set. */
  readonly bandwidth?: number | undefined
  /** The memory that is sent along, where there is one. A switch is put off until it is settled, whatever the policy says. */
  readonly memory?: MemorySnapshot | undefined
}

export type Decision = SwitchoverAnswer

/** Decides for all devices of a set at once. Pure: everything it goes by is in the snapshot. */
export type SetPolicy = (snapshot: SetSnapshot) => Decision | Promise<Decision>

export interface OneDeviceOptions {
  /** Whether the destination has loaded what the device called initial. Default: nobody says so. */
  readonly initialLoaded?: (snapshot: PreCopySnapshot) => boolean | undefined
}

/** A policy for sets, asked for one device: what the option `switchover` of a save takes. */
export function forOneDevice(policy: SetPolicy, { initialLoaded }: OneDeviceOptions = {}): SwitchoverPolicy {
  if (initialLoaded === undefined) return (snapshot) => policy({ devices: [snapshot] })
  return (snapshot) => policy({ devices: [{ ...snapshot, initialLoaded: initialLoaded(snapshot) }] })
}
