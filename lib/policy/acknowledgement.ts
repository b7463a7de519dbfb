// SPDX-License-Identifier: MIT
import type { SetSnapshot } from './set-policy.js'

export interface AcknowledgementOptions {
  /**
   * Whether the destination must have loaded the initial data before the switch: what it does with it (allocate, set up) is downtime
   * otherwise. Default: where there is somebody to say so.
   */
  readonly requireAck?: boolean | undefined
}

/** Why the set must not switch yet; `undefined` when it may. */
export function unacknowledged(
  { devices }: SetSnapshot,
  { requireAck }: AcknowledgementOptions,
): string | undefined {
  if (requireAck === false) return undefined
  for (const { device, initialLoaded, reinitialised } of devices) {
    const required = requireAck === true || initialLoaded !== undefined
    if (!required) continue
    if (reinitialised)
      return `${device} has begun its initial data anew, which the destination has not loaded yet`
    if (initialLoaded !== true) return `the destination has not loaded the initial data of ${device} yet`
  }
  return undefined
}
