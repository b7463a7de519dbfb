// SPDX-License-Identifier: MIT
import type { LoadSet } from '../coordinator/load-set.js'
import type { Member, MemberEnd } from '../coordinator/member.js'
import type { EngineClock, EnginePhaseReport, EngineProgress } from './engine-clock.js'

export type ReceiveProgress = EngineProgress

export interface ReceivedState {
  readonly device: string
  readonly protocol: 'v1' | 'v2'
  readonly state: MemberEnd['state']
  readonly bytes: number
  readonly chunks: number
}

/** What {@link receive} did. Plain data. */
export interface ReceiveReport {
  readonly ok: true
  readonly id: string
  readonly side: 'destination'
  /** Where the source connected from. */
  readonly from: string
  readonly devices: readonly ReceivedState[]
  readonly bytes: number
  readonly totalMs: number
  /** All devices to running, in milliseconds. */
  readonly runMs: number | undefined
  /** Whether the source has said that it let go. */
  readonly confirmed: boolean
  readonly phases: readonly EnginePhaseReport[]
}

export interface ReceiveOutcome {
  readonly id: string
  readonly from: string
  readonly members: readonly Member[]
  readonly loads: LoadSet
  readonly ends: readonly MemberEnd[]
  readonly runMs: number | undefined
  readonly confirmed: boolean
}

export function receiveReport(
  clock: EngineClock,
  { id, from, members, loads, ends, runMs, confirmed }: ReceiveOutcome,
): ReceiveReport {
  const { phases, totalMs } = clock.finish()
  return {
    ok: true,
    id,
    side: 'destination',
    from,
    devices: members.map(({ device, migration }, index) => ({
      device: device.spec,
      protocol: migration.protocol,
      state: ends[index]?.state ?? 'unknown',
      ...(loads.moved[index] ?? { bytes: 0, chunks: 0 }),
    })),
    bytes: clock.bytes,
    totalMs,
    runMs,
    confirmed,
    phases,
  }
}
