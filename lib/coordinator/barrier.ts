// SPDX-License-Identifier: MIT

/** A point that nobody passes before every party has arrived, or left for good. Parties are numbered from 0. */
export class Barrier {
  readonly #missing: Set<number>
  #failure: { readonly reason: unknown } | undefined
  readonly #waiting: { readonly pass: () => void; readonly fail: (reason: unknown) => void }[] = []

  constructor(parties: number) {
    this.#missing = new Set(Array.from({ length: parties }, (_, party) => party))
  }

  /** Resolves when everybody is there. @throws the reason of {@link fail} */
  async arrive(party: number): Promise<void> {
    if (this.#failure) throw this.#failure.reason
    const passed = new Promise<void>((pass, fail) => this.#waiting.push({ pass, fail }))
    this.leave(party)
    return passed
  }

  /** The party will not come. Does nothing for one that has. */
  leave(party: number): void {
    this.#missing.delete(party)
    if (this.#missing.size > 0 || this.#failure) return
    for (const { pass } of this.#waiting.splice(0)) pass()
  }

  /** Nobody passes any more, unless everybody has. */
  fail(reason: unknown): void {
    if (this.#missing.size === 0) return
    this.#failure ??= { reason }
    for (const { fail } of this.#waiting.splice(0)) fail(this.#failure.reason)
  }
}
