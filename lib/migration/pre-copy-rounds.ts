// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { PreCopyEstimates } from './protocol.js'
import type { SwitchoverAnswer, SwitchoverPolicy } from './save-session.js'

// Pauses between two questions to a drained device, in milliseconds. Each question is a firmware command on some.
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** How often a device in stop-copy may say "nothing for now", which the uAPI does not allow, before it is not believed. */
const MAX_DRAINED_IN_STOP_COPY = 20

/** What becomes of a save at the points where the device has nothing to read for now. */
export class PreCopyRounds {
  readonly #device: string
  readonly #policy: SwitchoverPolicy
  readonly #startedAt: number
  #round = 0
  #bytesAtDrain = 0
  #pause = FIRST_PAUSE
  #drainedInStopCopy = 0
  #wake: () => void = () => {}

  /** @param startedAt on the `performance.now()` clock */
  constructor(device: string, policy: SwitchoverPolicy, startedAt: number) {
    this.#device = device
    this.#policy = policy
    this.#startedAt = startedAt
  }

  /** Ends the question or the pause in progress: its answer is not wanted any more. */
  wake(): void {
    this.#wake()
  }

  /** A round has ended in pre-copy. @param bytes read so far */
  begin(bytes: number): void {
    this.#round++
    this.#pause = bytes > this.#bytesAtDrain ? FIRST_PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE)
    this.#bytesAtDrain = bytes
  }

  /**
   * Asks the policy, and pauses when it says `continue`.
   * @param stale whether its answer is not wanted any more
   * @returns whether to switch
   * @throws {VfioError} `ERR_VFIO_NO_CONVERGENCE`: the policy gives the save up
   */
  async decide(estimates: PreCopyEstimates, stale: () => boolean): Promise<'switch' | 'again'> {
    const woken = this.#sleep()
    if (stale()) return 'again'
    const answer = this.#policy({
      round: this.#round,
      bytes: this.#bytesAtDrain,
      elapsedMs: performance.now() - this.#startedAt,
      ...estimates,
    })
    const said = await Promise.race([answer, woken])
    if (said === undefined || stale()) return 'again'
    const { decision, reason } = spelledOut(said)
    if (decision === 'switch') return 'switch'
    if (decision === 'abort') {
      throw new VfioError(
        'ERR_VFIO_NO_CONVERGENCE',
        `the switchover policy gave the save up in round ${this.#round}${reason === undefined ? '' : `: ${reason}`}`,
        { device: this.#device },
      )
    }
    await this.#rest(this.#pause, woken)
    return 'again'
  }

  /** The read was sampled before the switch took place, or the device breaks the rule that stop-copy has no "nothing for now". */
  async drainedAfterSwitch(): Promise<void> {
    if (++this.#drainedInStopCopy > MAX_DRAINED_IN_STOP_COPY) {
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        'the device has neither data nor an end of data in stop-copy',
        { device: this.#device },
      )
    }
    await this.#rest(this.#drainedInStopCopy, this.#sleep())
  }

  /** Data came. */
  moved(): void {
    this.#drainedInStopCopy = 0
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

function spelledOut(answer: SwitchoverAnswer): Exclude<SwitchoverAnswer, string> {
  return typeof answer === 'string' ? { decision: answer } : answer
}
