// SPDX-License-Identifier: MIT
import type { EnginePhase } from '../errors/index.js'
import type { MemoryProgress } from '../memory/memory-pace.js'
import type { Moved } from '../migration/chunk.js'

const INTERVAL = 100

/** How far a migration between hosts is. */
export interface EngineProgress {
  readonly phase: EnginePhase
  /** Of all devices. */
  readonly bytes: number
  readonly chunks: number
  /** Of the memory that is sent along. */
  readonly memory?: MemoryProgress
  /** Milliseconds since it began. */
  readonly elapsedMs: number
}

export interface EnginePhaseReport {
  readonly name: EnginePhase
  readonly ms: number
  /** Device data moved in this phase, of all devices, in bytes. */
  readonly bytes: number
}

export interface ProgressSettings {
  readonly onProgress?: (progress: EngineProgress) => void
  readonly progressInterval?: number
  /** Told of each phase that begins. */
  readonly onPhase?: (phase: EnginePhase) => void
}

/** What a clock asks of the engine it times. */
export interface TimedWork {
  /** By device. */
  moved(): readonly Moved[]
  /** When the devices left pre-copy by themselves, on the `performance.now()` clock, and how many bytes had moved by then. */
  switched?(): { readonly at: number; readonly bytes: number } | undefined
  memory?(): MemoryProgress | undefined
}

/** Times the phases of an engine's work, and tells a listener how far it is. */
export class EngineClock implements Disposable {
  readonly #startedAt = performance.now()
  readonly #settings: ProgressSettings
  readonly #work: TimedWork
  readonly #phases: EnginePhaseReport[] = []
  readonly #began = new Map<EnginePhase, number>()
  readonly #timer: NodeJS.Timeout | undefined
  #current: { readonly name: EnginePhase; readonly at: number; readonly bytes: number } | undefined

  constructor(settings: ProgressSettings, work: TimedWork) {
    this.#settings = settings
    this.#work = work
    if (settings.onProgress) {
      this.#timer = setInterval(() => this.#tell(), settings.progressInterval ?? INTERVAL)
      this.#timer.unref()
    }
  }

  get phase(): EnginePhase | undefined {
    return this.#current?.name
  }

  /** When a phase began for the last time, on the `performance.now()` clock. */
  began(phase: EnginePhase): number | undefined {
    return this.#began.get(phase)
  }

  /** Ends the current phase and begins `name`. */
  enter(name: EnginePhase): void {
    const now = performance.now()
    this.#close(now)
    this.#began.set(name, now)
    this.#current = { name, at: now, bytes: this.bytes }
    this.#settings.onPhase?.(name)
    this.#tell()
  }

  /** Ends the last phase. @returns all of them, and the whole time */
  finish(): { readonly phases: readonly EnginePhaseReport[]; readonly totalMs: number } {
    const now = performance.now()
    this.#close(now)
    this.#current = undefined
    this[Symbol.dispose]()
    return { phases: this.#phases, totalMs: now - this.#startedAt }
  }

  /** Device data moved so far, of all devices. */
  get bytes(): number {
    return this.#work.moved().reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #close(now: number): void {
    if (this.#current === undefined) return
    const { name, at, bytes } = this.#current
    const moved = this.bytes
    const switched = name === 'pre-copy' ? this.#work.switched?.() : undefined
    if (switched === undefined || switched.at >= now) {
      this.#phases.push({ name, ms: now - at, bytes: moved - bytes })
      return
    }
    this.#phases.push({ name, ms: switched.at - at, bytes: switched.bytes - bytes })
    this.#phases.push({ name: 'stop-copy', ms: now - switched.at, bytes: moved - switched.bytes })
  }

  #tell(): void {
    const { phase } = this
    if (phase === undefined) return
    const memory = this.#work.memory?.()
    this.#settings.onProgress?.({
      phase: phase === 'pre-copy' && this.#work.switched?.() !== undefined ? 'stop-copy' : phase,
      ...(memory === undefined ? {} : { memory }),
      bytes: this.bytes,
      chunks: this.#work.moved().reduce((sum, { chunks }) => sum + chunks, 0),
      elapsedMs: performance.now() - this.#startedAt,
    })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
