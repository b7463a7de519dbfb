// SPDX-License-Identifier: MIT
import { believed } from '../migration/estimate.js'
import { formatBytes } from '../quantity.js'
import { type AcknowledgementOptions, unacknowledged } from './acknowledgement.js'
import type { SetPolicy } from './set-policy.js'

/**
 * Switches as soon as no device has initial data left: what the uAPI recommends at least. A device that does not say, or says what cannot be,
 * has none left when it is drained.
 */
export function initialBytesFirst(options: AcknowledgementOptions = {}): SetPolicy {
  return (snapshot) => {
    for (const { device, drained, bytes, initialBytes } of snapshot.devices) {
      const left = believed(initialBytes, bytes)
      if (left === 0 || (left === undefined && drained)) continue
      const much = left === undefined ? 'initial data' : `${formatBytes(left)} of its initial data`
      return { decision: 'continue', reason: `${device} has ${much} left` }
    }
    const why = unacknowledged(snapshot, options)
    if (why !== undefined) return { decision: 'continue', reason: why }
    return { decision: 'switch', reason: 'the initial data is over' }
  }
}
