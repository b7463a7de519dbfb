// SPDX-License-Identifier: MIT
import { formatBytes, formatMs } from '../quantity.js'
import { type AcknowledgementOptions, unacknowledged } from './acknowledgement.js'
import { bandwidthOf, type DowntimeAssumptions, elapsedMs, remainingBytes, stopCopyBytes } from './outlook.js'
import type { Decision, SetPolicy, SetSnapshot } from './set-policy.js'

export interface DowntimeTarget extends AcknowledgementOptions, DowntimeAssumptions {}

export interface QemuOptions extends DowntimeTarget {
  /** Milliseconds. */
  readonly downtimeLimit: number
}

/**
 * QEMU's rule: switch when what is left fits into the downtime limit at the bandwidth that was measured (or is given). What pre-copy has
 * left is asked first; only when that fits, what stop-copy would yield, which costs a firmware command and includes it.
 */
export function qemu({ downtimeLimit, ...target }: QemuOptions): SetPolicy {
  checkMilliseconds('downtimeLimit', downtimeLimit)
  return (snapshot) => switchWithin(snapshot, downtimeLimit, target)
}

export interface DowntimeRampOptions extends DowntimeTarget {
  /** The limit at the beginning, in milliseconds. */
  readonly from: number
  /** The limit that it grows to. */
  readonly to: number
  /** By how much it grows. Default: a tenth of the way. */
  readonly step?: number
  /** How often, in milliseconds. Default 1000. */
  readonly every?: number
}

/** {@link qemu} with a limit that grows: a short downtime if the device allows it, a longer one before it never ends. */
export function downtimeRamp({ from, to, step, every = 1000, ...target }: DowntimeRampOptions): SetPolicy {
  checkMilliseconds('from', from)
  checkMilliseconds('to', to)
  if (to < from) throw new RangeError(`the ramp must not fall: from ${from} to ${to}`)
  const by = step ?? (to - from) / 10
  checkMilliseconds('step', by)
  if (!(every > 0)) throw new RangeError(`every must be a number of milliseconds above 0, not ${every}`)
  return (snapshot) => {
    const limit = Math.min(to, from + by * Math.floor(elapsedMs(snapshot) / every))
    return switchWithin(snapshot, limit, target)
  }
}

async function switchWithin(snapshot: SetSnapshot, limit: number, target: DowntimeTarget): Promise<Decision> {
  const { overhead = 0 } = target
  const bandwidth = target.bandwidth ?? bandwidthOf(snapshot)
  const threshold = ((bandwidth ?? 0) * Math.max(0, limit - overhead)) / 1000
  const fits = (bytes: number | undefined): bytes is number =>
    bytes === 0 || (bytes !== undefined && bytes < threshold)
  const tooMuch = (bytes: number | undefined): Decision => ({
    decision: 'continue',
    reason:
      bytes === undefined
        ? 'the device does not say what is left'
        : `${formatBytes(bytes)} are left, and ${formatBytes(threshold)} go into ${formatMs(limit)}${
            bandwidth === undefined
              ? ' at a bandwidth that is not known yet'
              : ` at ${formatBytes(bandwidth)}/s`
          }`,
  })
  const remaining = remainingBytes(snapshot)
  if (!fits(remaining)) return tooMuch(remaining)
  const why = unacknowledged(snapshot, target)
  if (why !== undefined) return { decision: 'continue', reason: why }
  const all = await stopCopyBytes(snapshot)
  if (!fits(all)) return tooMuch(all)
  return { decision: 'switch', reason: `${formatBytes(all)} are left, which fit into ${formatMs(limit)}` }
}

function checkMilliseconds(name: string, value: number): void {
  if (!(value >= 0)) throw new RangeError(`${name} must be a number of milliseconds, not ${value}`)
}
