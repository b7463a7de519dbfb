// SPDX-License-Identifier: MIT
import type { Recovery, RecoveryPolicy } from '../errors/index.js'
import { VfioError } from '../errors/index.js'
import type { Protocol } from './protocol.js'
import { actualState } from './refusal.js'
import type { MigrationState, TargetState } from './state.js'

/**
 * Brings a device where `policy` wants it after a failure. Never throws: what could not be done is in the answer.
 * @param previous the state to return to under `previous` and `reset`
 * @param resetFirst a load is abandoned: only a reset leaves `resuming` without committing it
 */
export async function recover(
  protocol: Protocol,
  policy: RecoveryPolicy,
  previous: MigrationState,
  resetFirst = false,
): Promise<Recovery> {
  const steps: string[] = []
  const ended = async (ok: boolean, cause?: unknown): Promise<Recovery> => ({
    policy,
    steps,
    ok,
    state: await actualState(protocol),
    ...(cause === undefined ? {} : { message: cause instanceof Error ? cause.message : String(cause) }),
  })
  const reset = async (): Promise<Recovery> => {
    try {
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
    await protocol.lead(target, { onStep: (state) => steps.push(state) })
    return await ended(true)
  } catch (cause) {
    return policy === 'reset' ? reset() : ended(false, cause)
  }
}

function isTarget(state: MigrationState): state is TargetState {
  return state !== 'error' && !state.startsWith('reserved-') && !state.startsWith('unknown-')
}
