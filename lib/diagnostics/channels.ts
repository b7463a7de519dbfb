// SPDX-License-Identifier: MIT
import { type Channel, channel } from 'node:diagnostics_channel'

/**
 * The `diagnostics_channel`s, by what they tell. On each travel the events of lib/diagnostics/events.ts of that kind (`chunk`: those of
 * chunks that were lost too).
 */
export const channels = {
  state: channel('vfio-migration:state'),
  register: channel('vfio-migration:register'),
  feature: channel('vfio-migration:feature'),
  chunk: channel('vfio-migration:chunk'),
  reset: channel('vfio-migration:reset'),
  interrupt: channel('vfio-migration:interrupt'),
  phase: channel('vfio-migration:phase'),
  mark: channel('vfio-migration:mark'),
  message: channel('vfio-migration:message'),
  journal: channel('vfio-migration:journal'),
} as const satisfies Record<string, Channel>

/** Now, on the clock of all events. */
export function monotonicNs(): bigint {
  return process.hrtime.bigint()
}

/** The time at which a call begins that is to be told; `undefined`, for the price of one property, while nobody listens. */
export function beginning(on: Channel): bigint | undefined {
  return on.hasSubscribers ? monotonicNs() : undefined
}

let origin: bigint | undefined

/** A time of `performance.now()`, in milliseconds, on the clock of the events; the same clock with another zero. */
export function nsOf(milliseconds: number): bigint {
  origin ??= monotonicNs() - BigInt(Math.round(performance.now() * 1e6))
  return origin + BigInt(Math.round(milliseconds * 1e6))
}
