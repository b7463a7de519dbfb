// SPDX-License-Identifier: MIT
// What a simulated device is made of, and what became of what was to go wrong with it.
import type { NativeDevice } from './device.js'
import type { Outcome } from './failure.js'

/** Options of a simulated device. null: as the personality has it. See lib/simulated for their meaning. */
export interface NativeSimulatedOptions {
  readonly personality: string | null
  readonly protocol: 'v1' | 'v2' | 'none'
  readonly stateBytes: bigint
  readonly chunkBytes: bigint
  /** null: the device starts with zeros. */
  readonly seed: number | null
  readonly dirtyRate: bigint
  readonly dataSection: 'trapped' | 'mapped' | 'sparse' | 'straddling'
  readonly arcs: 'full' | 'i915' | 'lvu' | null
  readonly reservedBits: number
  readonly preCopy: boolean | null
  readonly p2p: boolean | null
  readonly drained: 'enomsg' | 'zero' | null
  /** Only asking for precopy info starts the next incremental round, as on mlx5 and virtio. */
  readonly roundsByInfo: boolean | null
  /** In milliseconds. */
  readonly saveTime: number | null
  readonly events: readonly NativeSimulatedEvent[]
  /** Most bytes of one read or write, 0n for no limit. */
  readonly shortRead: bigint
  readonly shortWrite: bigint
  readonly faults: readonly NativeSimulatedFault[]
  readonly delays: readonly NativeSimulatedDelay[]
  readonly lies: readonly NativeSimulatedLie[]
}

/** A value that the device reports instead of the truth. */
export interface NativeSimulatedLie {
  readonly name: string
  readonly value: bigint
  readonly nth: number
  readonly count: number
}

/** Once: `milliseconds` after the device was made, or, null, before the `nth` call of the operation. */
export interface NativeSimulatedEvent {
  readonly kind: string
  readonly milliseconds: number | null
  readonly operation: string
  readonly argument: string
  readonly nth: number
}

export interface NativeSimulatedFault {
  readonly operation: string
  /** The state or register concerned, or an empty string for any. */
  readonly argument: string
  readonly kind: 'errno' | 'short' | 'hang'
  /** Positive; 0 for the other kinds. */
  readonly errno: number
  /** `short`: how many move; null: half of them. */
  readonly bytes: bigint | null
  /** From the nth time on, 1-based. */
  readonly nth: number
  /** How many times. */
  readonly count: number
  readonly outcome: 'keep' | 'error' | 'requested'
}

export interface NativeSimulatedDelay {
  readonly operation: string
  readonly argument: string
  readonly milliseconds: number
}

/** What `openSimulated` yields. */
export interface NativeSimulatedDevice {
  readonly device: NativeDevice
  readonly simulation: NativeSimulation
}

/** Beside the device's own handle: does not keep it open, and outlives it. */
export interface NativeSimulation {
  /** Every call so far, by operation and argument. */
  operations(): readonly {
    readonly operation: string
    readonly argument: string
    readonly calls: number
  }[]
  /** How often each fault (those injected after those of the options), delay, lie and event struck. */
  strikes(): {
    readonly faults: readonly number[]
    readonly delays: readonly number[]
    readonly lies: readonly number[]
    readonly events: readonly number[]
  }
  inject(fault: NativeSimulatedFault): Outcome<null>
  /** false: without effect on the device in its present state. */
  happen(kind: string): Outcome<boolean>
}
