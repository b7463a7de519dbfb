// SPDX-License-Identifier: MIT
// The errors of a transition that failed, or that has no way.
import {
  errnoName,
  VfioAbortError,
  VfioError,
  VfioSystemError,
  VfioTransitionError,
} from '../errors/index.js'
import { errnoMeaning } from './errno-meaning.js'
import type { Protocol } from './protocol.js'
import type { MigrationState } from './state.js'

export function noRoute(device: string, from: MigrationState, to: MigrationState, why: string): VfioError {
  return new VfioError('ERR_VFIO_NO_ROUTE', `no legal route from ${from} to ${to}: ${why}`, { device })
}

/** Why no route leaves a state, for the states that have none. */
export function deadEnd(from: MigrationState): string | undefined {
  if (from === 'error') return 'only a reset leaves the error state'
  if (from.startsWith('reserved-'))
    return 'the protocol has no transition out of a reserved state; only a reset leaves it'
  return undefined
}

/** What a failed state change meant. `errno` negative, 0 for none. */
export function meaningOf(
  errno: number,
  { to, actual, failed, driver }: Pick<Refusal, 'to' | 'actual' | 'failed' | 'driver'>,
): string {
  if (errno === 0) {
    if (actual === 'error') return 'the device took the request and entered its error state'
    return 'the device took the request and is elsewhere'
  }
  const name = errnoName(errno)
  const said = errnoMeaning(name, failed, driver)
  if (actual === to && (name === 'EMFILE' || name === 'ENFILE' || name === 'EFAULT')) {
    return `${said}; the state was entered without a session, leave it before trying again`
  }
  return said
}

export interface Refusal {
  readonly from: MigrationState
  readonly to: MigrationState
  readonly path: readonly MigrationState[]
  readonly failed: readonly [MigrationState, MigrationState]
  readonly actual: MigrationState | 'unknown'
  readonly cause: unknown
  /** The driver's name, or what a simulated device poses as; it may mean something of its own by an errno. */
  readonly driver?: string | undefined
}

/** The typed error of an arc that failed. Not for the failures of a closed handle, which {@link isLost} picks out. */
export function refusal(device: string, failure: Refusal): VfioTransitionError {
  const errno = failure.cause instanceof VfioSystemError ? failure.cause.errno : 0
  return new VfioTransitionError({
    ...failure,
    device,
    errno,
    meaning: meaningOf(errno, failure),
  })
}

const lost = new Set(['ERR_VFIO_CLOSED', 'ERR_VFIO_PEER_LOST', 'ERR_VFIO_PEER_TIMEOUT'])

/** Whether the handle, or the device behind it, went away under the request, which says nothing about the arc. */
export function isLost(cause: unknown): boolean {
  return cause instanceof VfioAbortError || (cause instanceof VfioError && lost.has(cause.code))
}

/** The state, or `unknown` when the device cannot be asked: for errors, which must not fail themselves. */
export async function actualState(protocol: Pick<Protocol, 'state'>): Promise<MigrationState | 'unknown'> {
  try {
    return await protocol.state()
  } catch {
    return 'unknown'
  }
}
