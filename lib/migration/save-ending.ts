// SPDX-License-Identifier: MIT
import { type Recovery, VfioAbortError, VfioError } from '../errors/index.js'
import type { Protocol } from './protocol.js'
import { recover } from './recovery.js'
import type { SaveOptions } from './save-session.js'
import type { MigrationState } from './state.js'

export interface EndingStart {
  readonly protocol: Protocol
  /** Where a rollback leads. */
  readonly previous: MigrationState
  readonly options: Pick<SaveOptions, 'recovery' | 'beforeRun' | 'signal'>
  /** Gives the device free for the next operation. */
  readonly release: () => void
  /** Stops whatever uses the device; resolves when nothing does any more. */
  readonly quieten: () => Promise<void>
  /** Frees what the save holds. Idempotent. */
  readonly dispose: () => Promise<void>
  /** Whether a consumer still looks at a lent chunk, which {@link dispose} would take away. */
  readonly lent: () => boolean
  /** Tells a stream that there is nothing more. */
  readonly rolledBack: (reason: unknown) => void
}

/** How a save ends: completed, or rolled back for a reason that everybody who asks is told. */
export class SaveEnding {
  readonly #start: EndingStart
  readonly #abort = new AbortController()
  #reason: unknown
  #over = false
  #ending: Promise<void> | undefined
  #recovery: Recovery | undefined

  constructor(start: EndingStart) {
    this.#start = start
  }

  /** From here on the caller's signal ends the save. */
  followSignal(): void {
    const { signal } = this.#start.options
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#onAbort()
  }

  /** The caller's signal has nothing more to say. */
  ignoreSignal(): void {
    this.#start.options.signal?.removeEventListener('abort', this.#onAbort)
  }

  /** Whether the save ended, or is about to. */
  get over(): boolean {
    return this.#over
  }

  /** Fires when the save is given up. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get recovery(): Recovery | undefined {
    return this.#recovery
  }

  checkOpen(): void {
    if (this.#reason !== undefined) throw this.#reason
    if (this.#over) throw this.#endedError()
  }

  #endedError(): VfioError {
    return new VfioError('ERR_VFIO_SESSION_ENDED', 'the save is over', {
      device: this.#start.protocol.device,
    })
  }

  readonly #onAbort = (): void => {
    this.#reason ??= new VfioAbortError(this.#start.options.signal?.reason)
    void this.#end()
  }

  /** Ends the save for `error`; resolves with the error that the caller is to see. */
  async fail(error: unknown): Promise<unknown> {
    if (!this.#over) this.#reason ??= error
    await this.#end()
    return this.#reason ?? this.#endedError()
  }

  async complete(): Promise<void> {
    this.#over = true
    const { protocol, dispose, release } = this.#start
    const ending = (async () => {
      try {
        await protocol.lead('stop')
      } finally {
        await dispose()
        release()
      }
    })()
    // close() waits for the end, and leaves its failure to whoever asked for it.
    this.#ending = ending.catch(() => {})
    await ending
  }

  async close(): Promise<void> {
    const first = !this.#over
    await this.#end()
    await this.#start.dispose()
    if (first && this.#recovery?.ok === false) {
      const error = new VfioError('ERR_VFIO_TRANSITION', `rolling back: ${this.#recovery.message}`, {
        device: this.#start.protocol.device,
      })
      error.recovery = this.#recovery
      throw error
    }
  }

  #end(): Promise<void> {
    this.#over = true
    this.#ending ??= this.#rollBack()
    return this.#ending
  }

  async #rollBack(): Promise<void> {
    const { protocol, previous, options, release, quieten, dispose, lent, rolledBack } = this.#start
    this.ignoreSignal()
    this.#abort.abort(this.#reason)
    // The device is led back only when nobody uses it any more.
    await quieten()
    const { recovery = 'previous', beforeRun } = options
    this.#recovery = await recover(protocol, recovery, previous, { beforeRun })
    if (this.#reason instanceof VfioError) this.#reason.recovery ??= this.#recovery
    try {
      // A chunk that is lent stays attached until its holder comes back for the next one, or closes the session.
      if (!lent()) await dispose()
    } finally {
      release()
      rolledBack(this.#reason)
    }
  }
}
