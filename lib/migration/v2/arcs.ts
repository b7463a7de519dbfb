// SPDX-License-Identifier: MIT
// How the kernel walks from one v2 state to another (vfio_mig_get_next_state in drivers/vfio/vfio_main.c): the first hop by a table made
// for devices with every feature, hops through states that the device lacks skipped.
import { type KnownState, type MigrationState, stateNames } from '../state.js'

/** `VFIO_MIGRATION_*`, what a device offers. */
export const MIGRATION_STOP_COPY = 1n << 0n
export const MIGRATION_P2P = 1n << 1n
export const MIGRATION_PRE_COPY = 1n << 2n

type WorkingState = Exclude<KnownState, 'error'>

const firstHops: Readonly<Record<WorkingState, Readonly<Partial<Record<WorkingState, WorkingState>>>>> = {
  stop: {
    stop: 'stop',
    running: 'running-p2p',
    'pre-copy': 'running-p2p',
    'pre-copy-p2p': 'running-p2p',
    'stop-copy': 'stop-copy',
    resuming: 'resuming',
    'running-p2p': 'running-p2p',
  },
  running: {
    stop: 'running-p2p',
    running: 'running',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'running-p2p',
    'stop-copy': 'running-p2p',
    resuming: 'running-p2p',
    'running-p2p': 'running-p2p',
  },
  'pre-copy': {
    stop: 'running',
    running: 'running',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'pre-copy-p2p',
    'stop-copy': 'pre-copy-p2p',
    resuming: 'running',
    'running-p2p': 'running',
  },
  'pre-copy-p2p': {
    stop: 'running-p2p',
    running: 'running-p2p',
    'pre-copy': 'pre-copy',
    'pre-copy-p2p': 'pre-copy-p2p',
    'stop-copy': 'stop-copy',
    resuming: 'running-p2p',
    'running-p2p': 'running-p2p',
  },
  'stop-copy': {
    // No way back into pre-copy: the kernel refuses it.
    stop: 'stop',
    running: 'stop',
    'stop-copy': 'stop-copy',
    resuming: 'stop',
    'running-p2p': 'stop',
  },
  resuming: {
    stop: 'stop',
    running: 'stop',
    'pre-copy': 'stop',
    'pre-copy-p2p': 'stop',
    'stop-copy': 'stop',
    resuming: 'resuming',
    'running-p2p': 'stop',
  },
  'running-p2p': {
    stop: 'stop',
    running: 'running',
    'pre-copy': 'running',
    'pre-copy-p2p': 'pre-copy-p2p',
    'stop-copy': 'stop',
    resuming: 'stop',
    'running-p2p': 'running-p2p',
  },
}

const needs: Readonly<Record<WorkingState, bigint>> = {
  stop: MIGRATION_STOP_COPY,
  running: MIGRATION_STOP_COPY,
  'stop-copy': MIGRATION_STOP_COPY,
  resuming: MIGRATION_STOP_COPY,
  'pre-copy': MIGRATION_STOP_COPY | MIGRATION_PRE_COPY,
  'running-p2p': MIGRATION_STOP_COPY | MIGRATION_P2P,
  'pre-copy-p2p': MIGRATION_STOP_COPY | MIGRATION_P2P | MIGRATION_PRE_COPY,
}

function isWorking(state: MigrationState): state is WorkingState {
  return Object.hasOwn(firstHops, state)
}

/** Whether a device with these flags has this state. */
export function hasState(state: MigrationState, flags: bigint): boolean {
  return isWorking(state) && (needs[state] & flags) === needs[state]
}

/** The hop the kernel takes first on the way from `from` to `to`; `undefined` where it answers EINVAL. */
export function nextState(
  from: MigrationState,
  to: MigrationState,
  flags: bigint,
): MigrationState | undefined {
  if (!isWorking(from) || !isWorking(to) || !hasState(from, flags) || !hasState(to, flags)) return undefined
  let next = firstHops[from][to]
  while (next !== undefined && !hasState(next, flags)) next = firstHops[next][to]
  return next
}

/** The whole way that one SET walks, both ends included; `undefined` where the kernel answers EINVAL. */
export function route(
  from: MigrationState,
  to: MigrationState,
  flags: bigint,
): readonly MigrationState[] | undefined {
  const path: MigrationState[] = [from]
  for (let at = from; at !== to; ) {
    const next = nextState(at, to, flags)
    // Every route of the table is shorter than the number of states; a longer one would be a mistake in the table.
    if (next === undefined || path.length > stateNames.length) return undefined
    path.push(next)
    at = next
  }
  return hasState(from, flags) ? path : undefined
}

/** Whether the state shares the one session of a save. Entering the group makes the session, leaving it ends it. */
export function isSaving(state: MigrationState): boolean {
  return state === 'pre-copy' || state === 'pre-copy-p2p' || state === 'stop-copy'
}

/** The state behind the number that a device reports. */
export function stateOfNumber(number: number): MigrationState {
  return stateNames[number] ?? `unknown-${number}`
}

/** The number of a state, as `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` takes it. */
export function numberOfState(state: KnownState): number {
  return stateNames.indexOf(state)
}
