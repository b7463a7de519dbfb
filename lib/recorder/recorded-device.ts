// SPDX-License-Identifier: MIT
import type { RunDevice, RunPhase, RunSide } from './run-report.js'

/** Sums that hold whatever the rings have dropped. */
interface Sums {
  bytes: number
  chunks: number
  deviceNs: number
}

interface Span extends Sums {
  readonly name: string
  /** In nanoseconds since the recorder's zero. */
  readonly from: number
  to: number | undefined
}

/** What is counted of one chunk, or of several that are known together. */
export interface CountedChunks {
  readonly direction: 'out' | 'in'
  readonly ns: number
  readonly bytes: number
  readonly chunks: number
  readonly deviceNs: number
}

/** One device of a recorded run: its phases, and what moved in them. */
export class RecordedDevice {
  readonly name: string
  readonly #spec: string
  readonly #driver: string | undefined
  readonly #most: number
  readonly #spans: Span[] = []
  readonly #totals = { out: noSums(), in: noSums() }
  side: RunSide | undefined

  /** @param most how many phases are kept */
  constructor(
    name: string,
    device: { readonly spec: string; readonly driver: string | undefined },
    most: number,
  ) {
    this.name = name
    this.#spec = device.spec
    this.#driver = device.driver
    this.#most = most
  }

  count(chunks: CountedChunks): void {
    addTo(this.#totals[chunks.direction], chunks, 1)
    const span = this.#spanAt(chunks.ns)
    if (span !== undefined) addTo(span, chunks, 1)
  }

  /**
   * Begins a phase. Whoever drives an operation may notice late that one has begun.
   * @param later the chunks that were counted already and belong to it if they began in it
   */
  enter(name: string | null, ns: number, later: Iterable<CountedChunks>): void {
    const last = this.#spans.at(-1)
    const moved = last === undefined ? [] : [...later].filter((chunk) => chunk.ns >= ns)
    for (const chunk of moved) {
      const span = this.#spanAt(chunk.ns)
      if (span !== undefined) addTo(span, chunk, -1)
    }
    if (last !== undefined && last.to === undefined) last.to = Math.max(ns, last.from)
    if (name !== null) {
      const span = { name, from: ns, to: undefined, ...noSums() }
      this.#spans.push(span)
      for (const chunk of moved) addTo(span, chunk, 1)
    }
    if (this.#spans.length > this.#most) this.#spans.shift()
  }

  #spanAt(ns: number): Span | undefined {
    for (let at = this.#spans.length - 1; at >= 0; at--) {
      const span = this.#spans[at] as Span
      if (span.from <= ns) return span.to === undefined || ns < span.to ? span : undefined
    }
    return undefined
  }

  /** @param now since the zero: the end of a phase that has none */
  report(now: number): RunDevice {
    return {
      name: this.name,
      spec: this.#spec,
      ...(this.side === undefined ? {} : { side: this.side }),
      ...(this.#driver === undefined ? {} : { driver: this.#driver }),
      bytesOut: this.#totals.out.bytes,
      bytesIn: this.#totals.in.bytes,
      chunksOut: this.#totals.out.chunks,
      chunksIn: this.#totals.in.chunks,
      phases: this.#spans.map((span) => phaseOf(span, now)),
    }
  }
}

function phaseOf(span: Span, now: number): RunPhase {
  const ns = Math.max(0, (span.to ?? now) - span.from)
  return {
    name: span.name,
    startMs: span.from / 1e6,
    ms: ns / 1e6,
    bytes: span.bytes,
    chunks: span.chunks,
    bytesPerSecond: ns === 0 ? 0 : Math.round((span.bytes * 1e9) / ns),
    deviceMs: span.deviceNs / 1e6,
  }
}

function noSums(): Sums {
  return { bytes: 0, chunks: 0, deviceNs: 0 }
}

function addTo(sums: Sums, chunks: Sums, sign: 1 | -1): void {
  sums.bytes += sign * chunks.bytes
  sums.chunks += sign * chunks.chunks
  sums.deviceNs += sign * chunks.deviceNs
}
