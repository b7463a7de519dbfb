// SPDX-License-Identifier: MIT
import {
  downtimeRamp,
  fixedRounds,
  forOneDevice,
  initialBytesFirst,
  qemu,
  type SaveOptions,
  type SetPolicy,
  withLimits,
} from '../index.js'
import type { NamedPolicy, PolicyFlags } from './policy-options.js'

/** What QEMU allows where nobody says otherwise. */
const DOWNTIME_LIMIT = 300
const RAMP = 10
const TOTAL_TIMEOUT = 120_000
/** A device that gets no closer to its end in so many rounds never will. */
const STALLED_ROUNDS = 100
const INTERVAL = 250

/** The policy that the flags name; `undefined` when they name none. */
export function setPolicyOf(flags: PolicyFlags): SetPolicy | undefined {
  const { policy, downtimeLimit, totalTimeout, onLimit } = flags
  const progressTimeout = flags.progressTimeout === true ? undefined : flags.progressTimeout
  const given = [policy, downtimeLimit, totalTimeout, progressTimeout, onLimit]
  if (given.every((value) => value === undefined)) return undefined
  return withLimits(named(policy ?? { name: 'rounds', rounds: 1 }, downtimeLimit ?? DOWNTIME_LIMIT), {
    totalTimeout: totalTimeout ?? TOTAL_TIMEOUT,
    noProgressTimeout: progressTimeout,
    stalledRounds: STALLED_ROUNDS,
    downtimeLimit: policy?.name === 'qemu' || policy?.name === 'ramp' ? undefined : downtimeLimit,
    onLimit: onLimit ?? 'switch',
  })
}

/** The same for the save of one device. */
export function switchoverOf(
  flags: PolicyFlags,
): Pick<SaveOptions, 'switchover' | 'switchoverInterval' | 'preCopyTimeout' | 'bandwidthLimit'> {
  const limit = flags.bandwidthLimit === undefined ? {} : { bandwidthLimit: flags.bandwidthLimit }
  const policy = setPolicyOf(flags)
  if (policy === undefined) return limit
  // The policy keeps the time itself, and says so when it is over.
  return {
    ...limit,
    switchover: forOneDevice(policy),
    switchoverInterval: INTERVAL,
    preCopyTimeout: Number.POSITIVE_INFINITY,
  }
}

function named(policy: NamedPolicy, downtimeLimit: number): SetPolicy {
  switch (policy.name) {
    case 'qemu':
      return qemu({ downtimeLimit })
    case 'ramp':
      return downtimeRamp({
        from: downtimeLimit,
        to: Math.max(downtimeLimit, policy.to ?? RAMP * downtimeLimit),
      })
    case 'initial':
      return initialBytesFirst()
    case 'rounds':
      return fixedRounds(policy.rounds)
  }
}
