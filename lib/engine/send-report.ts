// SPDX-License-Identifier: MIT
import type { Member, MemberEnd } from '../coordinator/member.js'
import type { SaveSet } from '../coordinator/save-set.js'
import type { SwitchoverReport } from '../migration/report.js'
import type { SaveSession } from '../migration/save-session.js'
import { Downtime, type DowntimeReport } from '../recorder/index.js'
import type { EngineClock, EnginePhaseReport } from './engine-clock.js'
import type { MemoryReport, OutgoingMemory } from './memory-channel.js'
import type { PeerEnd } from './messages.js'
import type { CommitMoments } from './source-engine.js'

export interface SentDevice {
  readonly device: string
  readonly protocol: 'v1' | 'v2'
  readonly state: MemberEnd['state']
  readonly bytes: number
  readonly chunks: number
  /** Of these, before the device was asked to stop. */
  readonly preCopiedBytes: number
  /** How its pre-copy ended, and why; missing where there was none. */
  readonly switchover?: SwitchoverReport
  /** What could not be done at the end, when the other side already ran. */
  readonly error?: string
}

/** What {@link send} did. Plain data. */
export interface SendReport {
  readonly ok: true
  readonly id: string
  readonly side: 'source'
  readonly devices: readonly SentDevice[]
  /** The devices of the destination, as it told. */
  readonly destination: readonly PeerEnd[]
  readonly bytes: number
  readonly totalMs: number
  /** From asking the first device to stop (or to be quiet) to the destination's word that all run. */
  readonly downtimeMs: number
  /**
   * The same by its parts: `quiesce`: all devices to their P2P states; `stop`: to stop-copy; `drain`: what was left read and sent; `load`: taken
   * in by the destination's devices; `commit-fsync`: the commit on the source's disk; `resume`: the destination's record, its devices led to
   * running, and the answer.
   */
  readonly downtime: DowntimeReport
  /** As the destination measured it: all devices to running, in milliseconds. `undefined` when its word was about a run before a crash. */
  readonly destinationRunMs: number | undefined
  readonly phases: readonly EnginePhaseReport[]
  /** Of the memory that was sent along. */
  readonly memory?: MemoryReport
}

export interface SendOutcome {
  readonly id: string
  readonly members: readonly Member[]
  readonly saves: SaveSet
  readonly memory: OutgoingMemory | undefined
  readonly ends: readonly MemberEnd[]
  readonly moments: CommitMoments
  readonly destination: readonly PeerEnd[]
}

/** The save sessions of a set that have begun. */
function sessionsOf(saves: SaveSet | undefined): SaveSession[] {
  return (saves?.sessions ?? []).filter((session) => session !== undefined)
}

/** When the first device was asked to be quiet or to stop, on the `performance.now()` clock, and what had moved by then. */
export function switchOf(
  saves: SaveSet | undefined,
): { readonly at: number; readonly bytes: number } | undefined {
  const sessions = sessionsOf(saves)
  const times = sessions.map(({ quiescedAt, stoppedAt }) => quiescedAt ?? stoppedAt)
  const known = times.filter((time) => time !== undefined)
  if (known.length === 0) return undefined
  const bytes = sessions.reduce((sum, { preCopied, moved }) => sum + (preCopied ?? moved).bytes, 0)
  return { at: Math.min(...known), bytes }
}

export function sendReport(
  clock: EngineClock,
  { id, members, saves, memory, ends, moments, destination }: SendOutcome,
): SendReport {
  const { phases, totalMs } = clock.finish()
  const downtime = downtimeOf(saves, clock.began('load'), moments)
  const remembered = memory?.report
  return {
    ok: true,
    id,
    side: 'source',
    devices: members.map(({ device, migration }, index) => {
      const moved = saves.moved[index] ?? { bytes: 0, chunks: 0 }
      const end = ends[index]
      return {
        device: device.spec,
        protocol: migration.protocol,
        state: end?.state ?? 'unknown',
        ...moved,
        preCopiedBytes: saves.sessions[index]?.preCopied?.bytes ?? 0,
        ...ofPreCopy(saves, index),
        ...(end?.error === undefined ? {} : { error: end.error }),
      }
    }),
    destination,
    bytes: clock.bytes,
    totalMs,
    downtimeMs: downtime.totalMs,
    downtime,
    destinationRunMs: moments.peerRunMs,
    phases,
    ...(remembered === undefined ? {} : { memory: remembered }),
  }
}

function downtimeOf(saves: SaveSet, sentAt: number | undefined, moments: CommitMoments): DowntimeReport {
  const sessions = sessionsOf(saves)
  const began = switchOf(saves)?.at ?? performance.now()
  const last = (times: readonly (number | undefined)[]): number =>
    Math.max(began, ...times.map((time) => time ?? began))
  const downtime = new Downtime()
  downtime.begin(began)
  downtime.reach('quiesce', last(sessions.map(({ stoppedAt }) => stoppedAt)))
  downtime.reach('stop', last(sessions.map(({ switchedAt }) => switchedAt)))
  downtime.reach('drain', sentAt)
  downtime.reach('load', moments.loadedAt)
  downtime.reach('commit-fsync', moments.committedAt)
  downtime.reach('resume', moments.runningAt)
  return downtime.report() as DowntimeReport
}

function ofPreCopy(saves: SaveSet, index: number): { switchover?: SwitchoverReport } {
  const session = saves.sessions[index]
  if (session === undefined || !saves.switchover.preCopies(index)) return {}
  const reason = saves.switchover.reason ?? session.switchReason
  return { switchover: { rounds: session.rounds, ...(reason === undefined ? {} : { reason }) } }
}
