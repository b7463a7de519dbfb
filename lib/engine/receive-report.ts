// SPDX-License-Identifier: MIT
import type { LoadSet } from '../coordinator/load-set.js'
import type { Member, MemberEnd } from '../coordinator/member.js'
import type { EnginePhase } from '../errors/index.js'
import type { EnginePhaseReport, EngineProgress } from './send-report.js'

const INTERVAL = 100

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

/** Times a receiving, and tells a listener how far it is. */
export class ReceiveClock implements Disposable {
  readonly #startedAt = performance.now()
  readonly #settings: {
    readonly onProgress?: (progress: ReceiveProgress) => void
    readonly progressInterval?: number
    readonly onPhase?: (phase: EnginePhase) => void
  }
  readonly #loads: () => LoadSet | undefined
  readonly #phases: EnginePhaseReport[] = []
  readonly #timer: NodeJS.Timeout | undefined
  #current: { readonly name: EnginePhase; readonly at: number; readonly bytes: number } | undefined

  constructor(
    settings: {
      readonly onProgress?: (progress: ReceiveProgress) => void
      readonly progressInterval?: number
      readonly onPhase?: (phase: EnginePhase) => void
    },
    loads: () => LoadSet | undefined,
  ) {
    this.#settings = settings
    this.#loads = loads
    if (settings.onProgress) {
      this.#timer = setInterval(() => this.#tell(), settings.progressInterval ?? INTERVAL)
      this.#timer.unref()
    }
  }

  get phase(): EnginePhase | undefined {
    return this.#current?.name
  }

  enter(name: EnginePhase): void {
    this.#close()
    this.#current = { name, at: performance.now(), bytes: this.#sum('bytes') }
    this.#settings.onPhase?.(name)
    this.#tell()
  }

  #close(): void {
    if (this.#current === undefined) return
    const { name, at, bytes } = this.#current
    this.#phases.push({ name, ms: performance.now() - at, bytes: this.#sum('bytes') - bytes })
    this.#current = undefined
  }

  #sum(what: 'bytes' | 'chunks'): number {
    return (this.#loads()?.moved ?? []).reduce((sum, moved) => sum + moved[what], 0)
  }

  #tell(): void {
    if (this.#current === undefined) return
    this.#settings.onProgress?.({
      phase: this.#current.name,
      bytes: this.#sum('bytes'),
      chunks: this.#sum('chunks'),
      elapsedMs: performance.now() - this.#startedAt,
    })
  }

  report({ id, from, members, loads, ends, runMs, confirmed }: ReceiveOutcome): ReceiveReport {
    this.#close()
    this[Symbol.dispose]()
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
      bytes: this.#sum('bytes'),
      totalMs: performance.now() - this.#startedAt,
      runMs,
      confirmed,
      phases: this.#phases,
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
