// SPDX-License-Identifier: MIT
import type { SaveSession } from '../migration/save-session.js'
import type { Pace } from './pace.js'

/** Reads a save and throws it away: in pre-copy at the pace of a destination, in stop-copy as fast as it comes. */
export class VoidReader {
  readonly #pace: Pace
  #bytes = 0
  #ms = 0
  #interrupted = false
  #endedAt = 0

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** The read in progress waits for something that is no data: its time counts for nothing. */
  interrupted(): void {
    this.#interrupted = true
  }

  /** Bytes per second that the device gave, the pace left out; `undefined` where nothing was read. */
  get rate(): number | undefined {
    return this.#ms > 0 && this.#bytes > 0 ? (this.#bytes / this.#ms) * 1000 : undefined
  }

  /** When the last byte came, on the `performance.now()` clock. */
  get endedAt(): number {
    return this.#endedAt
  }

  async read(saving: SaveSession): Promise<void> {
    let from = performance.now()
    for await (const { data, phase } of saving) {
      const { length } = data
      const ms = this.#note(length, performance.now() - from)
      if (phase === 'pre-copy') await this.#pace.hold(length, ms)
      from = performance.now()
    }
    this.#endedAt = performance.now()
  }

  /** @returns how long the chunk took, or would have */
  #note(bytes: number, ms: number): number {
    if (this.#interrupted) {
      this.#interrupted = false
      const { rate } = this
      return rate === undefined ? 0 : (bytes / rate) * 1000
    }
    this.#bytes += bytes
    this.#ms += ms
    return ms
  }
}
