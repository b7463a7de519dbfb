// SPDX-License-Identifier: MIT

/** What of a simulated device can be made to fail, to take its time or to lie. */
export const simulatedOperations = [
  'info',
  'region-info',
  'irq-info',
  'set-irqs',
  'reset',
  'register-read',
  'register-write',
  'map',
  'set-state',
  'get-state',
  'read',
  'write',
  'precopy-info',
  'data-size',
] as const

export type SimulatedOperation = (typeof simulatedOperations)[number]

/** A failure on demand. */
export interface SimulatedFault {
  readonly operation: SimulatedOperation
  /**
   * Only for this: the state entered (`set-state`), the register or `memory`, `config`, `data` (`register-read`, `register-write`), the
   * region's index (`region-info`, `map`), the interrupt index (`irq-info`, `set-irqs`). Default: any.
   */
  readonly argument?: string
  /** The errno's name, for example `EIO`. */
  readonly errno: string
  /** The first matching call that fails, counted from 1. Default 1. */
  readonly nth?: number
  /** How many fail from there on. Default 1. */
  readonly count?: number
  /**
   * Where a state change that fails leaves the device: `keep` the state before it (default), in the `error` state, or in the
   * `requested` state but without its data (what EMFILE does on a real kernel).
   */
  readonly outcome?: 'keep' | 'error' | 'requested'
}

/** Latency on demand: slept in the call, without holding up others; a reset and closing the device end it. */
export interface SimulatedDelay {
  readonly operation: SimulatedOperation
  readonly argument?: string
  readonly milliseconds: number
}

/** Values that a device can be made to report instead of the truth. */
export const simulatedLies = [
  'device-state',
  'pending-bytes',
  'data-offset',
  'data-size',
  'state',
  'estimate',
  'initial-bytes',
  'dirty-bytes',
  'region-size',
  'area-offset',
  'area-size',
] as const

/** A value the device reports instead of the truth: for testing what a client believes. */
export interface SimulatedLie {
  readonly name: (typeof simulatedLies)[number]
  readonly value: bigint
  /** The first report that is a lie, counted from 1. Default 1. */
  readonly nth?: number
  /** How many are. Default: all from there on. */
  readonly count?: number
}

/** A simulated device. Sizes in bytes. */
export interface SimulatedOptions {
  /** `none`: a device whose driver has no migration. */
  readonly protocol: 'v1' | 'v2' | 'none'
  /** Size of the device memory (BAR2): a multiple of 4096, 4096 to 2^40. Default 64 MiB. Zeros cost no memory until written. */
  readonly state?: number
  /** Fills the device memory with the generator's output for this u32 seed (docs/test-device.md). Default: zeros. */
  readonly seed?: number
  /** Bytes per second that the workload dirties while the device runs. Default 0: no workload. */
  readonly dirtyRate?: number
  /** v1: the largest chunk, a multiple of 4096, 12288 to 2^30. Default 1 MiB. */
  readonly chunk?: number
  /** v1: how the data section can be reached. Default `mapped`. */
  readonly data?: 'trapped' | 'mapped' | 'sparse' | 'straddling'
  /** v1: the state changes accepted: any, what i915 accepts (a refused one leads to error), or what libvfio-user accepts. Default `full`. */
  readonly arcs?: 'full' | 'i915' | 'lvu'
  /** v1: bits 3-31 of `device_state` after creation and reset. Default 0. */
  readonly reservedBits?: number
  /** v2: whether the device offers pre-copy. Default true. */
  readonly preCopy?: boolean
  /** v2: whether it offers the P2P states. Default true. */
  readonly p2p?: boolean
  /** v2: how a read says that a pre-copy has nothing for now. Default `enomsg`. */
  readonly drained?: 'enomsg' | 'zero'
  /** v2: only asking for precopy info starts the next incremental round, as on mlx5 and virtio. Default false. */
  readonly roundsByInfo?: boolean
  /** v2: the most bytes one read gives, one write takes. Default: no limit. */
  readonly shortRead?: number
  readonly shortWrite?: number
  readonly faults?: readonly SimulatedFault[]
  readonly delays?: readonly SimulatedDelay[]
  readonly lies?: readonly SimulatedLie[]
}
