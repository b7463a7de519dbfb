// SPDX-License-Identifier: MIT
import type { WatchedDevice } from '../recorder/flight-recorder.js'
import type { RecorderOptions } from '../recorder/recorded.js'
import type { Moved } from './chunk.js'
import type { MigrationPhase, MigrationProgress, PhaseReport } from './report.js'

const INTERVAL = 100
/** Before anything moved. */
export const NOTHING: Moved = { bytes: 0, chunks: 0 }

export interface ProgressOptions extends RecorderOptions {
  /** Called when a phase begins, and every `progressInterval`. What it throws is not caught: it ends the process like any other bug. */
  readonly onProgress?: (progress: MigrationProgress) => void
  /** Milliseconds. Default 100. */
  readonly progressInterval?: number
}

/** Times the phases of an operation, and tells a listener how far it is. */
export class PhaseClock implements Disposable {
  readonly startedAt = performance.now()
  readonly #options: ProgressOptions
  readonly #phases: PhaseReport[] = []
  readonly #moved: () => Moved
  readonly #observe: () => void
  readonly #devices: readonly WatchedDevice[]
  #current: { readonly name: MigrationPhase; readonly at: number; readonly from: Moved } | undefined
  #timer: NodeJS.Timeout | undefined
  #disposed = false

  /**
   * @param devices whose phases these are
   * @param observe called at each interval, to notice a phase that began without being entered
   */
  constructor(
    options: ProgressOptions,
    devices: readonly WatchedDevice[],
    moved: () => Moved,
    observe: () => void = () => {},
  ) {
    this.#devices = devices
    this.#options = options
    this.#moved = moved
    this.#observe = observe
    if (options.onProgress) {
      this.#timer = setInterval(() => {
        this.#observe()
        this.#tell()
      }, options.progressInterval ?? INTERVAL)
    }
  }

  /** Ends the current phase and begins `name`. @param at on the `performance.now()` clock; now, unless known better */
  enter(name: MigrationPhase, at: number = performance.now(), moved: Moved = this.#moved()): void {
    this.#close(at, moved)
    this.#current = { name, at, from: moved }
    for (const { trace } of this.#devices) trace.phase(name, at)
    this.#tell()
  }

  get phase(): MigrationPhase | undefined {
    return this.#current?.name
  }

  /** Ends the last phase. @returns all of them, and the whole time */
  finish(): { phases: readonly PhaseReport[]; totalMs: number } {
    this.#close(performance.now(), this.#moved())
    this[Symbol.dispose]()
    return { phases: this.#phases, totalMs: performance.now() - this.startedAt }
  }

  #close(at: number, moved: Moved): void {
    if (this.#current === undefined) return
    const { name, at: from, from: before } = this.#current
    this.#phases.push({
      name,
      ms: at - from,
      bytes: moved.bytes - before.bytes,
      chunks: moved.chunks - before.chunks,
    })
    this.#current = undefined
  }

  #tell(): void {
    if (this.#current === undefined) return
    const { bytes, chunks } = this.#moved()
    this.#options.onProgress?.({
      phase: this.#current.name,
      bytes,
      chunks,
      elapsedMs: performance.now() - this.startedAt,
    })
  }

  /** Ends the last phase too. */
  [Symbol.dispose](): void {
    if (!this.#disposed) for (const { trace } of this.#devices) trace.phase(null)
    this.#disposed = true
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
