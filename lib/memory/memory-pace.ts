// SPDX-License-Identifier: MIT
import { formatBytes, formatMs } from '../quantity.js'
import type { DirtyRound, MemorySent } from './memory-owner.js'

/** When enough of a memory has been sent for its devices to be stopped. */
export interface MemoryLimits {
  /** Milliseconds that the final round may be expected to take. Default 300. */
  readonly downtime?: number
  /** Rounds before the final one, at most. Default 30. */
  readonly rounds?: number
  /** Milliseconds of rounds, at most, behind the first one, which takes what it takes. Default 120 000. */
  readonly time?: number
  /** Rounds in a row with no less to send than ever before, after which more of them are of no use. Default 3. */
  readonly stalledRounds?: number
  /** Milliseconds between two rounds. Default 50. */
  readonly pause?: number
}

/** What is known of a memory while its devices run. */
export interface MemorySnapshot {
  /** Rounds that were begun. */
  readonly round: number
  /** What is left to be sent, in bytes: of the round in progress, or as much as the last round had, which is how much is written meanwhile. */
  readonly remainingBytes: number
  /** Bytes per second that are written anew, by the last round; `undefined` before there was one. */
  readonly dirtyRate: number | undefined
  /** Bytes per second that went through the connection, over all rounds; `undefined` before the first one is over. */
  readonly bandwidth: number | undefined
  /** Why no more rounds are needed; `undefined`: they are. */
  readonly settled: string | undefined
}

/** How far a memory's sending was, and at what pace. */
export interface MemoryProgress {
  readonly round: number
  /** Sent, in bytes, all rounds together. */
  readonly bytes: number
  readonly remainingBytes: number
}

/** Less than this part of the least so far is progress. */
const PROGRESS = 0.9

/** Measures rounds, and says when they have done what they can. */
export class MemoryPace {
  readonly #limits: Required<MemoryLimits>
  readonly #now: () => number
  #began: number | undefined
  #round: DirtyRound | undefined
  #pending = 0
  #roundAt = 0
  #over = false
  #left: () => number = () => 0
  #bytes = 0
  #wireBytes = 0
  #sendMs = 0
  #dirtyRate: number | undefined
  #least = Number.POSITIVE_INFINITY
  #stalled = 0
  #fits: string | undefined
  // More of it is of no use, whatever comes.
  #settled: string | undefined

  /** @throws {RangeError} a limit that is no number from 0 on */
  constructor(limits: MemoryLimits = {}, now: () => number = () => performance.now()) {
    const { downtime = 300, rounds = 30, time = 120_000, stalledRounds = 3, pause = 50 } = limits
    this.#limits = { downtime, rounds, time, stalledRounds, pause }
    for (const [name, value] of Object.entries(this.#limits)) {
      if (!(value >= 0)) throw new RangeError(`${name} must be a number from 0 on, not ${value}`)
    }
    this.#now = now
  }

  get pause(): number {
    return this.#limits.pause
  }

  get bytes(): number {
    return this.#bytes
  }

  get wireBytes(): number {
    return this.#wireBytes
  }

  /**
   * @param left what the round has not named yet, in bytes
   * @param pending what others than the devices have written besides
   */
  begin(round: DirtyRound, left: () => number, pending = 0): void {
    const now = this.#now()
    this.#pending = pending
    if (round.round > 1) this.#began ??= now
    // The first one names what nobody has written.
    if (round.round > 1 && now > this.#roundAt && round.complete)
      this.#dirtyRate = ((round.dirtyBytes + pending) / (now - this.#roundAt)) * 1000
    this.#round = round
    this.#roundAt = now
    this.#left = left
    this.#over = false
    if (round.round > 1 && !round.final) this.#judge(round, now)
  }

  end(sent: MemorySent): void {
    this.#over = true
    this.#bytes += sent.bytes
    this.#wireBytes += sent.wireBytes
    this.#sendMs += this.#now() - this.#roundAt
  }

  #judge(round: DirtyRound, now: number): void {
    const { downtime, rounds, time, stalledRounds } = this.#limits
    const dirtyBytes = round.dirtyBytes + this.#pending
    if (dirtyBytes < this.#least * PROGRESS || dirtyBytes === 0) {
      this.#least = dirtyBytes
      this.#stalled = 0
    } else this.#stalled++
    const expected = this.#expected(dirtyBytes)
    const elapsed = now - (this.#began ?? now)
    this.#fits =
      expected !== undefined && expected <= downtime
        ? `${formatBytes(dirtyBytes)} are left, which take ${formatMs(expected)}`
        : undefined
    if (round.round > rounds) this.#settled ??= `${rounds} rounds are over`
    else if (elapsed >= time) this.#settled ??= `${formatMs(elapsed)} of rounds are over`
    else if (this.#stalled >= Math.max(1, stalledRounds))
      this.#settled ??= `${formatBytes(dirtyBytes)} are left, no less than ${this.#stalled} rounds ago`
  }

  /** Milliseconds for so many bytes. */
  #expected(bytes: number): number | undefined {
    if (bytes === 0) return 0
    const { bandwidth } = this
    return bandwidth === undefined ? undefined : (bytes / bandwidth) * 1000
  }

  /** Bytes per second. */
  get bandwidth(): number | undefined {
    return this.#wireBytes === 0 ? undefined : (this.#wireBytes / Math.max(this.#sendMs, 1)) * 1000
  }

  get snapshot(): MemorySnapshot {
    return {
      round: this.#round?.round ?? 0,
      remainingBytes: this.#remaining(),
      dirtyRate: this.#dirtyRate,
      bandwidth: this.bandwidth,
      settled: this.#settled ?? this.#fits,
    }
  }

  #remaining(): number {
    const round = this.#round
    if (round === undefined) return 0
    if (!this.#over || round.final) return this.#left()
    return round.round === 1 ? 0 : round.dirtyBytes + this.#pending
  }

  get progress(): MemoryProgress {
    const { round, remainingBytes } = this.snapshot
    const partly = this.#over ? 0 : Math.max(0, (this.#round?.dirtyBytes ?? 0) - this.#left())
    return { round, bytes: this.#bytes + partly, remainingBytes }
  }
}
