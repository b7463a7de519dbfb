// SPDX-License-Identifier: MIT
import { formatBytes, formatMs, formatRate } from '../quantity.js'

export interface ProgressSample {
  /** `pre-copy`, `stop-copy`, `loading`, `verifying`, … */
  readonly phase: string
  /** Moved so far. */
  readonly bytes: number
  /** Where that is known. */
  readonly total?: number | undefined
}

/** Where progress is written: `process.stderr`, or what a test puts in its place. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

// The rate is that of the last second or two, not of the whole.
const rateWindowMs = 1500
const plainEveryMs = 1000

/** On a terminal one line that is rewritten; elsewhere a plain line at each new phase and every second. Always on stderr. */
export class Progress {
  readonly #output: ProgressOutput
  readonly #enabled: boolean
  readonly #now: () => number
  readonly #started: number
  #window: { at: number; bytes: number }[] = []
  #phase = ''
  #lastPlain = Number.NEGATIVE_INFINITY
  #drawn = false

  constructor(output: ProgressOutput, enabled: boolean, now: () => number = () => performance.now()) {
    this.#output = output
    this.#enabled = enabled
    this.#now = now
    this.#started = now()
  }

  update(sample: ProgressSample): void {
    if (!this.#enabled) return
    const now = this.#now()
    const changed = sample.phase !== this.#phase
    this.#phase = sample.phase
    const last = this.#window.at(-1)
    if (last !== undefined && sample.bytes < last.bytes) this.#window = []
    this.#window.push({ at: now, bytes: sample.bytes })
    while (this.#window.length > 2 && now - (this.#window[0]?.at ?? now) > rateWindowMs) this.#window.shift()
    if (this.#output.isTTY) {
      const width = Math.max(20, (this.#output.columns ?? 80) - 1)
      this.#output.write(`\r\u001b[K${this.#line(sample, now).slice(0, width)}`)
      this.#drawn = true
    } else if (changed || now - this.#lastPlain >= plainEveryMs) {
      this.#lastPlain = now
      this.#output.write(`${this.#line(sample, now)}\n`)
    }
  }

  /** A line of its own, above the live one. Written even when progress is switched off. */
  note(text: string): void {
    this.clear()
    this.#output.write(`${text}\n`)
  }

  /** Wipes the live line, so that what comes next starts clean. */
  clear(): void {
    if (!this.#drawn) return
    this.#output.write('\r\u001b[K')
    this.#drawn = false
  }

  #line({ phase, bytes, total }: ProgressSample, now: number): string {
    const first = this.#window[0]
    const share =
      total !== undefined && total > 0 ? ` ${Math.min(100, (bytes / total) * 100).toFixed(0)} %` : ''
    const rate =
      first === undefined || now <= first.at ? '' : `  ${formatRate(bytes - first.bytes, now - first.at)}`
    return `${phase}  ${formatBytes(bytes)}${share}${rate}  ${formatMs(now - this.#started)}`
  }
}
