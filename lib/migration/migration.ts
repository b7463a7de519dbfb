// SPDX-License-Identifier: MIT
import type { DeviceSession } from '../device/device-session.js'
import type { LoadOptions, LoadSession } from './load-session.js'
import type { SaveOptions, SaveSession } from './save-session.js'
import type { MigrationState, TargetState } from './state.js'

/** What a device can do, as it said itself. */
export interface MigrationCapabilities {
  /** v2: `VFIO_MIGRATION_PRE_COPY`. v1: always (uAPI: a v1 driver supports pre-copy even when it has no data for it). */
  readonly preCopy: boolean
  /** v2: `VFIO_MIGRATION_P2P`. v1: never. */
  readonly p2p: boolean
  /** v2: the raw flags of `VFIO_DEVICE_FEATURE_MIGRATION`, unknown bits included. v1: 0n. */
  readonly flags: bigint
  /** v1: how the data section of the migration region can be reached. v2: `undefined`. */
  readonly dataSection: 'trapped' | 'mapped' | 'partly-mapped' | undefined
}

export interface TransitionOptions {
  /**
   * v1 only: ask for the arc from the current state to the target itself instead of the portable route. Drivers refuse many of
   * these, and i915 answers a refused one by entering the error state.
   */
  readonly direct?: boolean
  /** Stops before the next arc of the route. An arc in progress cannot be interrupted: the promise rejects once it has returned. */
  readonly signal?: AbortSignal
}

/**
 * The migration side of a device: its states and what moves between them, the same for both protocols. One operation at a time:
 * a second transition, save or load while one is in progress rejects with `ERR_VFIO_BUSY`; {@link state} may be asked at any time.
 */
export interface Migration {
  readonly protocol: 'v1' | 'v2'
  readonly capabilities: MigrationCapabilities
  /** Asks the device. Never cached: a reset or another holder of the descriptor may have changed it. */
  state(): Promise<MigrationState>
  /** v1: bits 3-31 of `device_state` as read, shifted out of nothing: the raw value with the low three bits cleared. v2: 0. */
  reservedBits(): Promise<number>
  /**
   * Leads the device to `target` by a legal route. Resolves with the state the device reports then.
   * @throws {VfioTransitionError} an arc failed; `actual` is the state read afterwards
   * @throws {VfioError} `ERR_VFIO_NO_ROUTE`: no legal route from the current state (for example out of `error`: reset first)
   */
  transition(target: TargetState, options?: TransitionOptions): Promise<MigrationState>
  /**
   * Starts a save: the device is in `pre-copy` or `stop-copy` when this resolves. A device in `stop` is saved without pre-copy, which
   * would start it.
   * @throws {VfioError} `ERR_VFIO_NO_ROUTE`: from `resuming`, `error` or a reserved state; v1: from `stop` without the option `direct`
   */
  save(options?: SaveOptions): Promise<SaveSession>
  /**
   * Starts a load: the device is in `resuming` when this resolves.
   * @throws {VfioError} `ERR_VFIO_NO_ROUTE`: a save is in progress on the device, or somebody left it in `resuming`: reset it first
   */
  load(options?: LoadOptions): Promise<LoadSession>
  /** v2: the session of the state the device is in, while no save or load has taken it; to hand it over with the device. */
  readonly session: DeviceSession | undefined
  /**
   * v2: goes on with a session that another holder of the device began (`device.adoptSession`): the next {@link save} or
   * {@link load} reads or writes it from where it stands, instead of beginning anew. The caller must know what became of the bytes before.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` on v1, which has no sessions
   */
  adoptSession(session: DeviceSession): Promise<void>
  /** `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`: an estimate in bytes of what stop-copy will yield; `undefined` where it cannot be asked. */
  stopCopySize(): Promise<bigint | undefined>
}
