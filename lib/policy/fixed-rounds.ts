// SPDX-License-Identifier: MIT
import { type AcknowledgementOptions, unacknowledged } from './acknowledgement.js'
import type { SetPolicy } from './set-policy.js'

/** Switches when each device has been drained `rounds` times. */
export function fixedRounds(rounds: number, options: AcknowledgementOptions = {}): SetPolicy {
  if (!(Number.isInteger(rounds) && rounds >= 1)) {
    throw new RangeError(`rounds must be an integer above 0, not ${rounds}`)
  }
  return (snapshot) => {
    for (const { device, round } of snapshot.devices) {
      if (round < rounds)
        return { decision: 'continue', reason: `${device} is in round ${round + 1} of ${rounds}` }
    }
    const why = unacknowledged(snapshot, options)
    if (why !== undefined) return { decision: 'continue', reason: why }
    return { decision: 'switch', reason: `${rounds} rounds are over` }
  }
}
