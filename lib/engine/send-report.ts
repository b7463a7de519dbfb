// SPDX-License-Identifier: MIT
import type { Member, MemberEnd } from '../coordinator/member.js'
import type { SaveSet } from '../coordinator/save-set.js'
import type { EnginePhase } from '../errors/index.js'
import type { MemoryProgress } from '../memory/memory-pace.js'
import type { SwitchoverReport } from '../migration/report.js'
import type { SaveSession } from '../migration/save-session.js'
import { Downtime, type DowntimeReport } from '../recorder/index.js'
import type { MemoryReport, OutgoingMemory } from './memory-channel.js'
import type { PeerEnd } from './messages.js'
import type { CommitMoments } from './source-engine.js'

const INTERVAL = 100

/** How far a migration between hosts is. */
export interface EngineProgress {
  readonly phase: EnginePhase
  /** Of all devices. */
  readonly bytes: number
  readonly chunks: number
  /** Milliseconds since it began. */
  readonly elapsedMs: number
  /** Of the memory that is sent along, at the source. */
  readonly memory?: MemoryProgress
}

export interface EnginePhaseReport {
  readonly name: EnginePhase
  readonly ms: number
  /** Device data moved in this phase, of all devices, in bytes. */
  readonly bytes: number
}

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
  readonly ends: readonly MemberEnd[]
  readonly moments: CommitMoments
  readonly destination: readonly PeerEnd[]
}

export interface ProgressSettings {
  readonly onProgress?: (progress: EngineProgress) => void
  readonly progressInterval?: number
  /** Told of each phase that begins. */
  readonly onPhase?: (phase: EnginePhase) => void
}

/** Times a sending, and tells a listener how far it is. */
export class SendClock implements Disposable {
  readonly #startedAt = performance.now()
  readonly #settings: ProgressSettings
  readonly #saves: () => SaveSet | undefined
  readonly #memory: () => OutgoingMemory | undefined
  readonly #phases: EnginePhaseReport[] = []
  readonly #timer: NodeJS.Timeout | undefined
  #current: { readonly name: EnginePhase; readonly at: number; readonly bytes: number } | undefined
  #sentAt: number | undefined

  constructor(
    settings: ProgressSettings,
    saves: () => SaveSet | undefined,
    memory: () => OutgoingMemory | undefined = () => undefined,
  ) {
    this.#settings = settings
    this.#saves = saves
    this.#memory = memory
    if (settings.onProgress) {
      this.#timer = setInterval(() => this.#tell(), settings.progressInterval ?? INTERVAL)
      this.#timer.unref()
    }
  }

  get phase(): EnginePhase | undefined {
    return this.#current?.name
  }

  enter(name: EnginePhase): void {
    const now = performance.now()
    if (name === 'load') this.#sentAt = now
    this.#close(now)
    this.#current = { name, at: now, bytes: this.#bytes() }
    this.#settings.onPhase?.(name)
    this.#tell()
  }

  #close(now: number): void {
    if (this.#current === undefined) return
    const { name, at, bytes } = this.#current
    const stopped = name === 'pre-copy' ? this.#stoppedAt() : undefined
    const moved = this.#bytes()
    if (stopped === undefined || stopped >= now) {
      this.#phases.push({ name, ms: now - at, bytes: moved - bytes })
      return
    }
    // The devices switched by themselves, in the middle of it.
    const before = this.#sessions().reduce((sum, { preCopied, moved }) => sum + (preCopied ?? moved).bytes, 0)
    this.#phases.push({ name, ms: stopped - at, bytes: before - bytes })
    this.#phases.push({ name: 'stop-copy', ms: now - stopped, bytes: moved - before })
  }

  #sessions(): SaveSession[] {
    return (this.#saves()?.sessions ?? []).filter((session) => session !== undefined)
  }

  /** When the first device was asked to be quiet or to stop. */
  #stoppedAt(): number | undefined {
    const times = this.#sessions().map(({ quiescedAt, stoppedAt }) => quiescedAt ?? stoppedAt)
    const known = times.filter((time) => time !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  #bytes(): number {
    return (this.#saves()?.moved ?? []).reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #tell(): void {
    const moved = this.#saves()?.moved ?? []
    const phase = this.phase === 'pre-copy' && this.#stoppedAt() !== undefined ? 'stop-copy' : this.phase
    if (phase === undefined) return
    const memory = this.#memory()?.progress
    this.#settings.onProgress?.({
      phase,
      ...(memory === undefined ? {} : { memory }),
      bytes: moved.reduce((sum, { bytes }) => sum + bytes, 0),
      chunks: moved.reduce((sum, { chunks }) => sum + chunks, 0),
      elapsedMs: performance.now() - this.#startedAt,
    })
  }

  report({ id, members, saves, ends, moments, destination }: SendOutcome): SendReport {
    const now = performance.now()
    this.#close(now)
    this.#current = undefined
    this[Symbol.dispose]()
    const sessions = this.#sessions()
    const memory = this.#memory()?.report
    const began = this.#stoppedAt() ?? now
    const downtime = this.#downtime(began, sessions, moments)
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
      bytes: this.#bytes(),
      totalMs: now - this.#startedAt,
      downtimeMs: downtime.totalMs,
      downtime,
      destinationRunMs: moments.peerRunMs,
      phases: this.#phases,
      ...(memory === undefined ? {} : { memory }),
    }
  }

  #downtime(began: number, sessions: readonly SaveSession[], moments: CommitMoments): DowntimeReport {
    const last = (times: readonly (number | undefined)[]): number =>
      Math.max(began, ...times.map((time) => time ?? began))
    const downtime = new Downtime()
    downtime.begin(began)
    downtime.reach('quiesce', last(sessions.map(({ stoppedAt }) => stoppedAt)))
    downtime.reach('stop', last(sessions.map(({ switchedAt }) => switchedAt)))
    downtime.reach('drain', this.#sentAt)
    downtime.reach('load', moments.loadedAt)
    downtime.reach('commit-fsync', moments.committedAt)
    downtime.reach('resume', moments.runningAt)
    return downtime.report() as DowntimeReport
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

function ofPreCopy(saves: SaveSet, index: number): { switchover?: SwitchoverReport } {
  const session = saves.sessions[index]
  if (session === undefined || !saves.switchover.preCopies(index)) return {}
  const reason = saves.switchover.reason ?? session.switchReason
  return { switchover: { rounds: session.rounds, ...(reason === undefined ? {} : { reason }) } }
}
