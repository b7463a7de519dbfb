// SPDX-License-Identifier: MIT

/** The states both protocols share by name. v1 has no P2P states; `pre-copy` is v1's 011, `stop-copy` its 010. */
export const stateNames = [
  'error',
  'stop',
  'running',
  'stop-copy',
  'resuming',
  'running-p2p',
  'pre-copy',
  'pre-copy-p2p',
] as const

/** A state that can be asked for, `error` excepted: only a device itself goes there. */
export type KnownState = (typeof stateNames)[number]

/**
 * The state of a device, as it said itself. `reserved-101` and `reserved-111` are v1 bit patterns without a meaning yet; `unknown-N` is
 * a v2 number newer than this library (the uAPI asks clients to expect those). Neither is ever mistaken for a state we know.
 */
export type MigrationState = KnownState | 'reserved-101' | 'reserved-111' | `unknown-${number}`

/** A state a caller can ask for. */
export type TargetState = Exclude<KnownState, 'error'>
