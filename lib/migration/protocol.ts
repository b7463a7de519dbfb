// SPDX-License-Identifier: MIT
// What the two protocols have in common, seen from the code that saves, loads and undoes.
import type { DataSink } from '../device/data-sink.js'
import type { DataSource } from '../device/data-source.js'
import type { DeviceSession } from '../device/device-session.js'
import type { LoadOptions } from './load-session.js'
import type { MigrationCapabilities } from './migration.js'
import type { SaveOptions } from './save-session.js'
import type { MigrationState, TargetState } from './state.js'
import type { PreCopySnapshot } from './switchover-policy.js'

/** What the device says about its pre-copy. */
export type PreCopyEstimates = Pick<
  PreCopySnapshot,
  'initialBytes' | 'dirtyBytes' | 'pendingBytes' | 'reinitialised'
>

/** Where nothing can be asked. */
export const NO_ESTIMATES: PreCopyEstimates = {
  initialBytes: undefined,
  dirtyBytes: undefined,
  pendingBytes: undefined,
  reinitialised: false,
}

/** Where the bytes of a save come from, and what owns them. */
export interface SaveLane {
  readonly source: DataSource
  estimates(): Promise<PreCopyEstimates>
  /** Frees the buffers and the session; the state of the device stays. Idempotent. */
  close(): Promise<void>
}

/** Where the bytes of a load go. */
export interface LoadLane {
  readonly sink: DataSink
  close(): Promise<void>
}

export interface LeadOptions {
  readonly direct?: boolean | undefined
  /** Stops before the next arc. */
  readonly signal?: AbortSignal | undefined
  /** Told where the device is, before anything is asked of it. */
  readonly onStart?: ((state: MigrationState) => void) | undefined
  /** Told each state that was passed or reached. */
  readonly onStep?: ((state: MigrationState) => void) | undefined
}

/** One migration protocol spoken with one device. Calls are not guarded against one another: that is the caller's part. */
export interface Protocol {
  readonly name: 'v1' | 'v2'
  /** Names the device in errors. */
  readonly device: string
  readonly capabilities: MigrationCapabilities
  /**
   * v1: a state change must not fall into the middle of a round of data. v2: it may come at any time, a read in progress is woken.
   */
  readonly roundsAreWhole: boolean
  state(): Promise<MigrationState>
  reservedBits(): Promise<number>
  stopCopySize(): Promise<bigint | undefined>
  /**
   * Leads the device to `target`; resolves with the state it reports then, which is `target`.
   * @throws {VfioTransitionError} an arc failed
   * @throws {VfioError} `ERR_VFIO_NO_ROUTE`
   */
  lead(target: TargetState, options?: LeadOptions): Promise<MigrationState>
  /** Before pre-copy is entered: tells the driver what this side understands. */
  preparePreCopy(): Promise<void>
  /** Whether a save can be read without leaving the saving group first. v2: whether the session of the group is ours and unread. */
  canSaveHere(): boolean
  /** The same of a load, in `resuming`. */
  canLoadHere(): boolean
  /** v2: the session of the group the device is in, while nobody has taken it. */
  readonly session: DeviceSession | undefined
  /** v2: takes the place of that session. */
  adoptSession(session: DeviceSession): Promise<void>
  /** For the device in a saving state. */
  openSource(options: SaveOptions): SaveLane
  /** For the device in `resuming`. */
  openSink(options: LoadOptions): LoadLane
  /** v1: tells the device that the last chunk was taken, so that its state may change. */
  acknowledge(): Promise<void>
  reset(): Promise<void>
}
