// SPDX-License-Identifier: MIT

/** Wakes one waiter when something has happened. What happened before it began to wait counts. */
export class News {
  #fresh = false
  #wake: (() => void) | undefined

  tell(): void {
    this.#fresh = true
    this.#wake?.()
  }

  /** Resolves at the next news, or after `milliseconds`. @returns whether there were any */
  async wait(milliseconds: number): Promise<boolean> {
    if (!this.#fresh) {
      await new Promise<void>((resolve) => {
        const timer =
          milliseconds === Number.POSITIVE_INFINITY ? undefined : setTimeout(resolve, milliseconds)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const fresh = this.#fresh
    this.#fresh = false
    return fresh
  }
}
