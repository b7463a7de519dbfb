// SPDX-License-Identifier: MIT
import { throwIfAborted, VfioAbortError } from '../errors/index.js'
import type { Protocol } from './protocol.js'
import type { SaveOptions } from './save-session.js'
import type { MigrationState, TargetState } from './state.js'

export interface SwitchoverRun {
  /** The state the device is in. */
  readonly from: MigrationState
  /** v1: take the single arc to stop-copy. */
  readonly direct?: boolean | undefined
  /** Ends the wait for the hook, and stops before the next arc. */
  readonly signal?: AbortSignal | undefined
}

/** A device on its way to stop-copy: quiesced first where somebody wants to be asked before it stops. */
export class Switchover {
  readonly #protocol: Protocol
  readonly #beforeStop: (() => Promise<void>) | undefined
  readonly #afterStop: (() => void) | undefined
  #quiescedAt: number | undefined
  #stoppedAt: number | undefined
  #switchedAt: number | undefined

  constructor(protocol: Protocol, hooks: Pick<SaveOptions, 'beforeStop' | 'afterStop'>) {
    this.#protocol = protocol
    this.#beforeStop = hooks.beforeStop
    this.#afterStop = hooks.afterStop
  }

  get quiescedAt(): number | undefined {
    return this.#quiescedAt
  }

  get stoppedAt(): number | undefined {
    return this.#stoppedAt
  }

  get switchedAt(): number | undefined {
    return this.#switchedAt
  }

  /** Resolves when the device is in stop-copy. Once. */
  async run({ from, direct, signal }: SwitchoverRun): Promise<void> {
    if (this.#beforeStop !== undefined) {
      const quiesced = this.#protocol.capabilities.p2p ? quiescedState(from) : undefined
      if (quiesced !== undefined) {
        this.#quiescedAt = performance.now()
        await this.#protocol.lead(quiesced, { signal })
      }
      throwIfAborted(signal)
      await unlessAborted(this.#beforeStop(), signal)
    }
    this.#stoppedAt = performance.now()
    await this.#protocol.lead('stop-copy', { direct, signal })
    this.#switchedAt = performance.now()
    this.#afterStop?.()
  }
}

/** Where a device that runs in `from` starts no DMA of its own any more; `undefined` for one that does not run. */
function quiescedState(from: MigrationState): TargetState | undefined {
  if (from === 'running' || from === 'running-p2p') return 'running-p2p'
  if (from === 'pre-copy' || from === 'pre-copy-p2p') return 'pre-copy-p2p'
  return undefined
}

async function unlessAborted(hook: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return hook
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new VfioAbortError(signal.reason))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([hook, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
