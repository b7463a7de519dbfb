// SPDX-License-Identifier: MIT
import { spelledOut } from '../migration/switchover-policy.js'
import { formatBytes, formatMs } from '../quantity.js'
import { type AcknowledgementOptions, unacknowledged } from './acknowledgement.js'
import { type DowntimeAssumptions, elapsedMs, expectedDowntime, remainingBytes } from './outlook.js'
import type { Decision, SetPolicy, SetSnapshot } from './set-policy.js'

export interface PolicyLimits extends AcknowledgementOptions, DowntimeAssumptions {
  /** Milliseconds that pre-copy may take. Default: any time. */
  readonly totalTimeout?: number | undefined
  /** Milliseconds without what is left getting noticeably less than ever before. Default: any time. */
  readonly noProgressTimeout?: number | undefined
  /** Rounds without that: the device dirties its state as fast as it is read. Default: any number. */
  readonly stalledRounds?: number | undefined
  /** Milliseconds. A switch that is expected to take longer is put off, until one of the other limits is reached. */
  readonly downtimeLimit?: number | undefined
  /** What to do at a limit: give up, or switch whatever it costs. Default `abort`. */
  readonly onLimit?: 'abort' | 'switch' | undefined
}

/** Bounds a policy that might go on for ever. */
export function withLimits(policy: SetPolicy, limits: PolicyLimits): SetPolicy {
  for (const name of ['totalTimeout', 'noProgressTimeout', 'stalledRounds', 'downtimeLimit'] as const) {
    const value = limits[name]
    if (value !== undefined && !(value >= 0))
      throw new RangeError(`${name} must be a number above 0, not ${value}`)
  }
  return async (snapshot) => {
    const elapsed = elapsedMs(snapshot)
    if (elapsed >= (limits.totalTimeout ?? Number.POSITIVE_INFINITY)) {
      return atLimit(
        snapshot,
        limits,
        `pre-copy has taken ${formatMs(elapsed)} and may take ${formatMs(limits.totalTimeout ?? 0)}`,
      )
    }
    const said = await withDowntimeLimit(snapshot, limits, spelledOut(await policy(snapshot)))
    if (said.decision !== 'continue') return said
    const stalled = stalledBecause(snapshot, limits)
    if (stalled === undefined) return said
    return atLimit(snapshot, limits, said.reason === undefined ? stalled : `${stalled}; ${said.reason}`)
  }
}

type SpelledOut = ReturnType<typeof spelledOut>

async function withDowntimeLimit(
  snapshot: SetSnapshot,
  limits: PolicyLimits,
  said: SpelledOut,
): Promise<SpelledOut> {
  const { downtimeLimit } = limits
  if (said.decision !== 'switch' || downtimeLimit === undefined) return said
  const expected = await expectedDowntime(snapshot, limits)
  if (expected === undefined || expected <= downtimeLimit) return said
  return {
    decision: 'continue',
    reason: `a downtime of ${formatMs(expected)} is expected, and ${formatMs(downtimeLimit)} are allowed`,
  }
}

// The set gets on as long as one of its devices does.
function stalledBecause(snapshot: SetSnapshot, limits: PolicyLimits): string | undefined {
  const { noProgressTimeout, stalledRounds } = limits
  // The devices wait for their memory, whose rounds have limits of their own.
  if (snapshot.memory !== undefined && snapshot.memory.settled === undefined) return undefined
  const ms = Math.min(...snapshot.devices.map((device) => device.stalledMs))
  const rounds = Math.min(...snapshot.devices.map((device) => device.stalledRounds))
  const left = remainingBytes(snapshot)
  const what = left === undefined ? 'what is left has' : `the ${formatBytes(left)} that are left have`
  if (noProgressTimeout !== undefined && ms >= noProgressTimeout) {
    return `${what} not become less for ${formatMs(ms)}`
  }
  if (stalledRounds !== undefined && rounds >= stalledRounds) {
    return `${what} not become less for ${rounds} rounds`
  }
  return undefined
}

function atLimit(snapshot: SetSnapshot, limits: PolicyLimits, reason: string): Decision {
  if (limits.onLimit !== 'switch') return { decision: 'abort', reason }
  const why = unacknowledged(snapshot, limits)
  if (why !== undefined) return { decision: 'abort', reason: `${reason}; ${why}` }
  return { decision: 'switch', reason }
}
