// SPDX-License-Identifier: MIT

/** The youngest of many things, in the order they came. Its memory is taken once. */
export class Ring<T> {
  readonly #kept: (T | undefined)[]
  #next = 0
  #total = 0

  /** @param capacity how many are kept, at least 1 */
  constructor(capacity: number) {
    this.#kept = new Array<T | undefined>(capacity).fill(undefined)
  }

  add(item: T): void {
    this.#kept[this.#next] = item
    this.#next = this.#next + 1 === this.#kept.length ? 0 : this.#next + 1
    this.#total++
  }

  /** How many came that are no longer there. */
  get dropped(): number {
    return Math.max(0, this.#total - this.#kept.length)
  }

  /** The oldest first. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    const capacity = this.#kept.length
    const start = this.#total > capacity ? this.#next : 0
    for (let at = 0; at < Math.min(this.#total, capacity); at++) {
      yield this.#kept[(start + at) % capacity] as T
    }
  }
}
