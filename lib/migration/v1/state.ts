// SPDX-License-Identifier: MIT
// device_state of struct vfio_device_migration_info (linux/vfio.h): bit 0 running, bit 1 saving, bit 2 resuming.
import type { MigrationState, TargetState } from '../state.js'

/** The five states that a v1 client may ask for. */
export type V1State = Exclude<TargetState, 'running-p2p' | 'pre-copy-p2p'>

const STATE_MASK = 0b111

const bitsByState: Readonly<Record<V1State, number>> = {
  stop: 0b000,
  running: 0b001,
  'stop-copy': 0b010,
  'pre-copy': 0b011,
  resuming: 0b100,
}

const stateByBits: readonly MigrationState[] = [
  'stop',
  'running',
  'stop-copy',
  'pre-copy',
  'resuming',
  'reserved-101',
  'error',
  'reserved-111',
]

/** Whether v1 has this state and lets a client ask for it: neither the error state nor the reserved ones, and no P2P states. */
export function isV1State(state: MigrationState): state is V1State {
  return Object.hasOwn(bitsByState, state)
}

/** The state that a raw `device_state` names: its low three bits, whatever the others say. */
export function stateOf(raw: number): MigrationState {
  return stateByBits[raw & STATE_MASK] as MigrationState
}

/** Bits 3-31 in place, bits 0-2 cleared. */
export function reservedBitsOf(raw: number): number {
  return (raw & ~STATE_MASK) >>> 0
}

/** What to write to enter `state`: bits 3-31 as they were read, since they are somebody's, though nobody's yet. */
export function withState(raw: number, state: V1State): number {
  return (reservedBitsOf(raw) | bitsByState[state]) >>> 0
}
