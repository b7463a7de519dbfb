// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { BandwidthMeter } from './bandwidth.js'
import { Convergence } from './convergence.js'
import { remainingOf } from './estimate.js'
import type { PreCopyEstimates } from './protocol.js'
import { type SwitchoverAnswer, type SwitchoverPolicy, spelledOut } from './switchover-policy.js'

// Pauses between two questions to a drained device, in milliseconds. Each question is a firmware command on some.
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** How often a device in stop-copy may say "nothing for now", which the uAPI does not allow, before it is not believed. */
const MAX_DRAINED_IN_STOP_COPY = 20

export interface RoundsStart {
  readonly device: string
  readonly policy: SwitchoverPolicy
  /** On the `performance.now()` clock. */
  readonly startedAt: number
  readonly stopCopySize: () => Promise<bigint | undefined>
}

export interface Question {
  readonly estimates: PreCopyEstimates
  /** Read so far. */
  readonly bytes: number
  readonly drained: boolean
  /** Whether the answer is not wanted any more. May throw. */
  readonly stale: () => boolean
}

/** The rounds of a pre-copy: what each moved and how fast, and what the policy makes of it. */
export class PreCopyRounds {
  readonly #start: RoundsStart
  readonly #bandwidth = new BandwidthMeter()
  readonly #convergence = new Convergence()
  #round = 0
  #bytesAtDrain = 0
  #roundBytes = 0
  #reinitialised = false
  #pause = FIRST_PAUSE
  #drainedInStopCopy = 0
  #reason: string | undefined
  #wake: () => void = () => {}

  constructor(start: RoundsStart) {
    this.#start = start
  }

  /** How often the device was drained. */
  get count(): number {
    return this.#round
  }

  /** Why the policy switched, where it said so. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Bytes per second of the transfer so far, and its milliseconds. */
  get bandwidth(): BandwidthMeter {
    return this.#bandwidth
  }

  /** Ends the question or the pause in progress: its answer is not wanted any more. */
  wake(): void {
    this.#wake()
  }

  /** Data is about to be read. */
  reading(bytes: number): void {
    this.#bandwidth.resume(performance.now(), bytes)
  }

  /** Data came in stop-copy or pre-copy. */
  moved(): void {
    this.#drainedInStopCopy = 0
  }

  /** A round has ended in pre-copy. */
  drained(bytes: number): void {
    this.#bandwidth.pause(performance.now(), bytes)
    this.#round++
    this.#pause = bytes > this.#bytesAtDrain ? FIRST_PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE)
    this.#roundBytes = bytes - this.#bytesAtDrain
    this.#bytesAtDrain = bytes
  }

  /**
   * Asks the policy.
   * @returns `undefined` when its answer came too late to be wanted
   * @throws {VfioError} `ERR_VFIO_NO_CONVERGENCE`: it gives the save up
   */
  async ask({ estimates, bytes, drained, stale }: Question): Promise<'switch' | 'continue' | undefined> {
    const woken = this.#sleep()
    if (stale()) return undefined
    const { device, policy, startedAt } = this.#start
    const now = performance.now()
    const elapsedMs = now - startedAt
    this.#bandwidth.mark(now, bytes)
    const roundBytes = drained ? this.#roundBytes : bytes - this.#bytesAtDrain
    const { initialBytes, dirtyBytes, pendingBytes, reinitialised } = estimates
    const remaining = remainingOf({ bytes, roundBytes, drained, initialBytes, dirtyBytes })
    this.#convergence.note(remaining, bytes, elapsedMs, drained)
    this.#reinitialised ||= reinitialised
    let size: Promise<bigint | undefined> | undefined
    const answer = policy({
      device,
      round: this.#round,
      drained,
      bytes,
      roundBytes,
      initialBytes,
      dirtyBytes,
      pendingBytes,
      reinitialised: this.#reinitialised,
      stopCopySize: () => {
        size ??= this.#start.stopCopySize()
        return size
      },
      bandwidth: this.#bandwidth.rate,
      transferMs: this.#bandwidth.transferMs,
      stalledRounds: this.#convergence.stalledRounds,
      stalledMs: this.#convergence.stalledMs(elapsedMs),
      initialLoaded: undefined,
      elapsedMs,
    })
    this.#reinitialised = false
    const said = await Promise.race([answer, woken])
    if (said === undefined || stale()) return undefined
    return this.#follow(said)
  }

  #follow(answer: SwitchoverAnswer): 'switch' | 'continue' {
    const { decision, reason } = spelledOut(answer)
    if (decision === 'switch') this.#reason = reason
    if (decision !== 'abort') return decision
    throw new VfioError(
      'ERR_VFIO_NO_CONVERGENCE',
      `the switchover policy gave the save up in round ${this.#round}${reason === undefined ? '' : `: ${reason}`}`,
      { device: this.#start.device },
    )
  }

  /** Waits before a drained device is asked again: longer each time that nothing came. */
  async pause(stale: () => boolean): Promise<void> {
    const woken = this.#sleep()
    if (!stale()) await this.#rest(this.#pause, woken)
  }

  /**
   * The read was sampled before the switch took place, or the device breaks the rule that stop-copy has no "nothing for now". The first is
   * the rule, and the device is down: the next read follows at once.
   */
  async drainedAfterSwitch(): Promise<void> {
    if (++this.#drainedInStopCopy > MAX_DRAINED_IN_STOP_COPY) {
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        'the device has neither data nor an end of data in stop-copy',
        { device: this.#start.device },
      )
    }
    if (this.#drainedInStopCopy > 1) await this.#rest(this.#drainedInStopCopy, this.#sleep())
  }

  async #rest(milliseconds: number, woken: Promise<undefined>): Promise<void> {
    const pause = setTimeout(this.#wake, milliseconds)
    await woken
    clearTimeout(pause)
  }

  /** Resolves at the next wake: a pause that is over, a switchover, the end of the session. */
  #sleep(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined)
    })
  }
}
