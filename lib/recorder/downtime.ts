// SPDX-License-Identifier: MIT

/** One part of a downtime. */
export interface DowntimePart {
  /**
   * `quiesce`: to the P2P state. `stop`: asked to leave running until stopped. `drain`: until the device had no more data. `transfer`: drained
   * and loaded at once, by one pump. `load`: until the destination had all of it. `wiring`: command register and interrupts. `commit-fsync`:
   * the decision made durable. `resume`: asked to run until it ran. `roll-back`: the source led back after a failure.
   */
  readonly name: string
  readonly ms: number
}

/** How long the device was not running, on the source's clock, and with what. */
export interface DowntimeReport {
  readonly totalMs: number
  /** In order, without gaps: their sum is the total. */
  readonly parts: readonly DowntimePart[]
}

/** Takes the times of a downtime as it passes. All of them are milliseconds on the `performance.now()` clock. */
export class Downtime {
  #began: number | undefined
  #reached = 0
  readonly #parts: DowntimePart[] = []

  /** The device was asked to leave running. The first time counts. */
  begin(at: number = performance.now()): void {
    if (this.#began !== undefined) return
    this.#began = at
    this.#reached = at
  }

  /** A part has ended, which began where the one before it ended. Nothing happens before {@link begin}. */
  reach(name: string, at: number = performance.now()): void {
    if (this.#began === undefined) return
    // Two observers of one clock may be a hair out of order.
    const end = Math.max(at, this.#reached)
    this.#parts.push({ name, ms: end - this.#reached })
    this.#reached = end
  }

  /** `undefined` when the device never left running. */
  report(): DowntimeReport | undefined {
    if (this.#began === undefined) return undefined
    return { totalMs: this.#reached - this.#began, parts: [...this.#parts] }
  }
}
