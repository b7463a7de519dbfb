// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises'

/** Below this a timer is not worth it; what is owed adds up. In milliseconds. */
const LEAST_SLEEP = 4

/**
 * How fast a destination takes what the rehearsal throws away. `bandwidth`: data goes on its way while the next is read, at so many bytes per
 * second. `loadRate`: the destination is of this host, and takes each chunk before the next is read.
 */
export type Way = { readonly bandwidth: number } | { readonly loadRate: number | 'as it is read' }

/** Holds a reader back to the speed of a destination that is not there. */
export class Pace {
  readonly #way: Way
  #owed = 0

  constructor(way: Way) {
    this.#way = way
  }

  /** After a chunk that took `readMs` to read. */
  async hold(bytes: number, readMs: number): Promise<void> {
    this.#owed += this.#msOf(bytes, readMs)
    if (this.#owed < LEAST_SLEEP) return
    const began = performance.now()
    await sleep(this.#owed)
    this.#owed -= performance.now() - began
  }

  #msOf(bytes: number, readMs: number): number {
    if ('bandwidth' in this.#way) return (bytes / this.#way.bandwidth) * 1000 - readMs
    const { loadRate } = this.#way
    return loadRate === 'as it is read' ? readMs : (bytes / loadRate) * 1000
  }
}
