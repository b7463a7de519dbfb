// SPDX-License-Identifier: MIT
// What a simulated device is made of.

/** Options of a simulated device, all set. See lib/simulated for their meaning. */
export interface NativeSimulatedOptions {
  readonly protocol: 'v1' | 'v2' | 'none'
  readonly stateBytes: bigint
  readonly chunkBytes: bigint
  /** null: the device starts with zeros. */
  readonly seed: number | null
  readonly dirtyRate: bigint
  readonly dataSection: 'trapped' | 'mapped' | 'sparse' | 'straddling'
  readonly arcs: 'full' | 'i915' | 'lvu'
  readonly reservedBits: number
  readonly preCopy: boolean
  readonly p2p: boolean
  readonly drained: 'enomsg' | 'zero'
  /** Only asking for precopy info starts the next incremental round, as on mlx5 and virtio. */
  readonly roundsByInfo: boolean
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

export interface NativeSimulatedFault {
  readonly operation: string
  /** The state or register concerned, or an empty string for any. */
  readonly argument: string
  /** Positive. */
  readonly errno: number
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
