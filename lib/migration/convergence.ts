// SPDX-License-Identifier: MIT

/** By which part a remainder must fall under the least one so far to count as progress: what merely wavers does not. */
const NOTICEABLE = 1 / 32

/** Whether a pre-copy still gets closer to its end. */
export class Convergence {
  #least = Number.POSITIVE_INFINITY
  #rounds = 0
  #progressAt = 0
  #bytes = 0

  /**
   * One question to the device.
   * @param remaining bytes that pre-copy has left; `undefined` where nobody knows: then data that comes counts
   */
  note(remaining: number | undefined, bytes: number, elapsedMs: number, drained: boolean): void {
    const progress =
      remaining === undefined
        ? bytes > this.#bytes
        : remaining === 0 || remaining < this.#least * (1 - NOTICEABLE)
    this.#bytes = bytes
    if (progress) {
      this.#progressAt = elapsedMs
      this.#rounds = 0
      if (remaining !== undefined) this.#least = remaining
    } else if (drained) this.#rounds++
  }

  /** Rounds since the remainder fell noticeably under its least. */
  get stalledRounds(): number {
    return this.#rounds
  }

  stalledMs(elapsedMs: number): number {
    return elapsedMs - this.#progressAt
  }
}
