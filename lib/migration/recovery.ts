// SPDX-License-Identifier: MIT
import type { Recovery, RecoveryPolicy } from '../errors/index.js'
import { VfioError } from '../errors/index.js'
import type { Protocol } from './protocol.js'
import { actualState } from './refusal.js'
import type { MigrationState, TargetState } from './state.js'

export interface RecoveryOptions {
  /** A load is abandoned: only a reset leaves `resuming` without committing it. */
  readonly resetFirst?: boolean
  /** Awaited before a device that is led back to `running` runs. */
  readonly beforeRun?: (() => Promise<void>) | undefined
}

/**
 * Brings a device where `policy` wants it after a failure. Never throws: what could not be done is in the answer.
 * @param previous the state to return to under `previous` and `reset`
 */
export async function recover(
  protocol: Protocol,
  policy: RecoveryPolicy,
  previous: MigrationState,
  { resetFirst = false, beforeRun }: RecoveryOptions = {},
): Promise<Recovery> {
  const steps: string[] = []
  const onStep = (state: MigrationState): void => void steps.push(state)
  let asked = false
  const askToRun = async (): Promise<void> => {
    if (asked) return
    asked = true
    await beforeRun?.()
  }
  const ended = async (ok: boolean, cause?: unknown): Promise<Recovery> => ({
    policy,
    steps,
    ok,
    state: await actualState(protocol),
    ...(cause === undefined ? {} : { message: cause instanceof Error ? cause.message : String(cause) }),
  })
  const reset = async (): Promise<Recovery> => {
    try {
      // A reset device runs at once.
      await askToRun()
      await protocol.reset()
      steps.push('reset')
      return await ended(true)
    } catch (cause) {
      return await ended(false, cause)
    }
  }

  if (policy === 'none') return ended(true)
  if (resetFirst && policy === 'reset') return reset()
  try {
    const target = policy === 'stop' ? 'stop' : previous
    if (!isTarget(target)) {
      throw new VfioError('ERR_VFIO_NO_ROUTE', `no route leads back to ${target}`, {
        device: protocol.device,
      })
    }
    if (target === 'running' && beforeRun !== undefined) {
      const gate = gateOf(await protocol.state(), protocol.capabilities.p2p)
      if (gate !== undefined) await protocol.lead(gate, { onStep })
      await askToRun()
    }
    await protocol.lead(target, { onStep })
    return await ended(true)
  } catch (cause) {
    return policy === 'reset' ? reset() : ended(false, cause)
  }
}

/** Where a device waits before it runs again; `undefined` for one that never left running. */
function gateOf(from: MigrationState, p2p: boolean): TargetState | undefined {
  if (from === 'running' || from === 'pre-copy') return undefined
  return p2p ? 'running-p2p' : 'stop'
}

function isTarget(state: MigrationState): state is TargetState {
  return state !== 'error' && !state.startsWith('reserved-') && !state.startsWith('unknown-')
}
