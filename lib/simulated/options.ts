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
  'migration-flags',
  'dma-log-start',
  'dma-log-report',
  'dma-log-stop',
] as const

export type SimulatedOperation = (typeof simulatedOperations)[number]

/** The drivers that a simulated device can behave like. What each of them does: docs/simulated-devices.md. */
export const personalityNames = [
  'mlx5',
  'hisi_acc',
  'pds',
  'qat',
  'virtio',
  'xe',
  'i915',
  'libvfio-user',
] as const

export type PersonalityName = (typeof personalityNames)[number]

/** A failure on demand: the `nth` matching call, and `count` in all from there on. */
export interface SimulatedFault {
  readonly operation: SimulatedOperation
  /**
   * Only for this: the state entered (`set-state`), the state the device is in (`read`, `precopy-info`), the register or `memory`,
   * `config`, `data` (`register-read`, `register-write`), the region's index (`region-info`, `map`), the interrupt index (`irq-info`,
   * `set-irqs`). Default: any.
   */
  readonly argument?: string
  /**
   * `errno`: the call fails. `short`: it moves fewer bytes than it could (`read`, `write`, `register-read`, `register-write`). `hang`: it
   * returns only when the device is reset or closed, or its session is cancelled or ends. Default `errno`.
   */
  readonly kind?: 'errno' | 'short' | 'hang'
  /** The errno's name, for example `EIO`: needed by the kind `errno`, and by no other. */
  readonly errno?: string
  /** `short`: how many bytes move. 0 looks like the end of the data. Default: half of them; of a session at least one. */
  readonly bytes?: number
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

/**
 * What can happen to a v2 device without anybody asking for it. `async-error`: it enters its error state (pds: running only while its DMA
 * log is on). Of mlx5 alone: `pf-gone`: the physical function goes away; `save-fails`: what is being saved fails behind the user's back;
 * `abort-fails`: the next way back from a pre-copy state fails halfway.
 */
export const simulatedEvents = ['async-error', 'pf-gone', 'save-fails', 'abort-fails'] as const

export type SimulatedEventKind = (typeof simulatedEvents)[number]

/** Happens once: by time, or right before a call. */
export interface SimulatedEvent {
  readonly kind: SimulatedEventKind
  readonly at:
    | {
        /** Milliseconds after the device was made; noticed at the next call. */
        readonly after: number
      }
    | {
        readonly operation: SimulatedOperation
        /** As {@link SimulatedFault.argument}. Default: any. */
        readonly argument?: string
        /** Before which matching call, counted from 1. Default 1. */
        readonly nth?: number
      }
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
  /** The driver it behaves like, of the same protocol; an option that is given too overrides it. Default: none, by the uAPI's word. */
  readonly personality?: PersonalityName
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
  /** v1: the state changes accepted: any, what i915 accepts (a refused one leads to error), or what libvfio-user accepts. Default `full`, or the personality's. */
  readonly arcs?: 'full' | 'i915' | 'lvu'
  /** v1: bits 3-31 of `device_state` after creation and reset. Default 0. */
  readonly reservedBits?: number
  /** v2: whether the device offers pre-copy. Default true, or the personality's, as for the next three. */
  readonly preCopy?: boolean
  /** v2: whether it offers the P2P states. Default true. */
  readonly p2p?: boolean
  /** v2: how a read says that a pre-copy has nothing for now. Default `enomsg`. */
  readonly drained?: 'enomsg' | 'zero'
  /** v2: only asking for precopy info starts the next incremental round, as on mlx5 and virtio. Default false. */
  readonly roundsByInfo?: boolean
  /**
   * v2: milliseconds that the device takes for each image it saves, and in stop-copy for each chunk of 8 MiB. A read waits for them; for
   * the image of a pre-copy round it finds nothing for now. Default 0, or the personality's.
   */
  readonly saveTime?: number
  /** v2: what happens by itself. */
  readonly events?: readonly SimulatedEvent[]
  /** v2: the most bytes one read gives, one write takes. Default: no limit. */
  readonly shortRead?: number
  readonly shortWrite?: number
  readonly faults?: readonly SimulatedFault[]
  readonly delays?: readonly SimulatedDelay[]
  readonly lies?: readonly SimulatedLie[]
}
