// SPDX-License-Identifier: MIT
import type { ChunkEvent } from '../diagnostics/events.js'

/** A chunk as it is kept: times in nanoseconds since the recorder's zero. */
export interface KeptChunk {
  readonly handle: number
  readonly direction: 'out' | 'in'
  readonly ns: number
  readonly durationNs: number
  readonly deviceNs: number
  readonly bytes: number
  readonly error: string | undefined
}

/** The youngest chunks. There can be hundreds of thousands a second, so each is a few numbers in memory that is there already. */
export class ChunkRing {
  readonly #capacity: number
  readonly #handles: Float64Array
  readonly #ns: Float64Array
  readonly #durations: Float64Array
  readonly #device: Float64Array
  readonly #bytes: Float64Array
  readonly #inward: Uint8Array
  readonly #errors = new Map<number, string>()
  #total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#handles = new Float64Array(capacity)
    this.#ns = new Float64Array(capacity)
    this.#durations = new Float64Array(capacity)
    this.#device = new Float64Array(capacity)
    this.#bytes = new Float64Array(capacity)
    this.#inward = new Uint8Array(capacity)
  }

  /** @param ns since the recorder's zero */
  add(event: ChunkEvent, ns: number): void {
    const at = this.#total++ % this.#capacity
    this.#handles[at] = event.handle
    this.#ns[at] = ns
    this.#durations[at] = Number(event.durationNs)
    this.#device[at] = Number(event.deviceNs)
    this.#bytes[at] = event.bytes
    this.#inward[at] = event.direction === 'in' ? 1 : 0
    // Failures are few: a pump ends with its first.
    if (event.error !== undefined) this.#errors.set(at, event.error)
    else if (this.#errors.size > 0) this.#errors.delete(at)
  }

  get dropped(): number {
    return Math.max(0, this.#total - this.#capacity)
  }

  /** The oldest first. */
  *[Symbol.iterator](): Generator<KeptChunk, void, undefined> {
    for (let count = this.dropped; count < this.#total; count++) {
      const at = count % this.#capacity
      yield {
        handle: this.#handles[at] as number,
        direction: this.#inward[at] === 1 ? 'in' : 'out',
        ns: this.#ns[at] as number,
        durationNs: this.#durations[at] as number,
        deviceNs: this.#device[at] as number,
        bytes: this.#bytes[at] as number,
        error: this.#errors.get(at),
      }
    }
  }
}
