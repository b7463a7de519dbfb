// SPDX-License-Identifier: MIT

/** The shortest transfer, in milliseconds, that a rate is taken from, if there has been as much: a few chunks more or less must not matter. */
const WINDOW = 500
/** Less than this is noise. */
const LEAST = 1

interface Stretch {
  readonly bytes: number
  readonly ms: number
}

/**
 * Measures how fast data goes while it goes: the pauses between the rounds of a pre-copy do not count, the time that a consumer takes for
 * a chunk does. Times on the `performance.now()` clock.
 */
export class BandwidthMeter {
  readonly #recent: Stretch[] = []
  #since: { readonly at: number; readonly bytes: number } | undefined
  #transferMs = 0

  /** A transfer goes on; nothing changes while one is under way. @param bytes moved so far */
  resume(at: number, bytes: number): void {
    this.#since ??= { at, bytes }
  }

  /** The transfer pauses. */
  pause(at: number, bytes: number): void {
    this.#note(at, bytes)
    this.#since = undefined
  }

  /** Takes a measurement of a transfer under way. */
  mark(at: number, bytes: number): void {
    if (this.#since === undefined) return
    this.#note(at, bytes)
    this.#since = { at, bytes }
  }

  /** Milliseconds of transfer, pauses excluded. */
  get transferMs(): number {
    return this.#transferMs
  }

  /**
   * Bytes per second over the last 500 ms or more of transfer; of all of it while that was shorter; `undefined` under a millisecond.
   */
  get rate(): number | undefined {
    let bytes = 0
    let ms = 0
    for (let at = this.#recent.length - 1; at >= 0 && ms < WINDOW; at--) {
      bytes += (this.#recent[at] as Stretch).bytes
      ms += (this.#recent[at] as Stretch).ms
    }
    return ms < LEAST ? undefined : (bytes / ms) * 1000
  }

  #note(at: number, bytes: number): void {
    if (this.#since === undefined) return
    const stretch = { bytes: bytes - this.#since.bytes, ms: Math.max(0, at - this.#since.at) }
    this.#transferMs += stretch.ms
    this.#recent.push(stretch)
    // Whatever lies before the window is of no use any more.
    let kept = this.#recent.reduce((sum, { ms }) => sum + ms, 0)
    while (this.#recent.length > 1 && kept - (this.#recent[0] as Stretch).ms >= WINDOW) {
      kept -= (this.#recent.shift() as Stretch).ms
    }
  }
}
