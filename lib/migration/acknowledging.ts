// SPDX-License-Identifier: MIT
import { believed } from './estimate.js'
import type { SwitchoverPolicy } from './switchover-policy.js'

/**
 * For a destination that takes each chunk before the next is read: what was read is in it, so that the initial data is loaded as soon as none
 * of it is left to read.
 */
export function acknowledging(policy: SwitchoverPolicy): SwitchoverPolicy {
  return (snapshot) => {
    const left = believed(snapshot.initialBytes, snapshot.bytes)
    return policy({ ...snapshot, initialLoaded: left === undefined ? snapshot.drained : left === 0 })
  }
}
