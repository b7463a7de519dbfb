// SPDX-License-Identifier: MIT

/** The reason of an abort by a signal of the system. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Turns the first SIGINT, SIGTERM or SIGHUP into an abort. The second one ends the process where it is. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController()
  readonly #onSignal: (signal: NodeJS.Signals) => void

  /** @param notify told when a signal came, before anything is rolled back */
  constructor(notify: (signal: NodeJS.Signals) => void) {
    this.#onSignal = (signal) => {
      if (this.#controller.signal.aborted) {
        process.removeListener(signal, this.#onSignal)
        process.kill(process.pid, signal)
        return
      }
      notify(signal)
      this.#controller.abort(new Interrupted(signal))
    }
    for (const signal of signals) process.on(signal, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.removeListener(signal, this.#onSignal)
  }
}
