// SPDX-License-Identifier: MIT
import type { MigrationState } from '../migration/state.js'
import { errnoName } from './errno.js'
import { VfioError } from './vfio-error.js'

export interface TransitionFailure {
  /** The state before the first arc of the route. */
  readonly from: MigrationState
  /** The state that was asked for. */
  readonly to: MigrationState
  /** The route, `from` and `to` included. */
  readonly path: readonly MigrationState[]
  /** The arc of the route that failed. */
  readonly failed: readonly [MigrationState, MigrationState]
  /** What the device said afterwards; `unknown` when it could not be asked. */
  readonly actual: MigrationState | 'unknown'
  /** Negative errno, or 0 when the device refused without one (v1 error state after a successful write). */
  readonly errno: number
  /** What that errno means for this request. */
  readonly meaning: string
  readonly device?: string | undefined
  readonly cause?: unknown
}

/**
 * A device did not enter the state it was asked for. `actual` is what the device itself said afterwards
 * (`VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` GET, or a fresh read of `device_state`), never a guess.
 */
export class VfioTransitionError extends VfioError {
  override readonly name: string = 'VfioTransitionError'
  readonly from: MigrationState
  readonly to: MigrationState
  readonly path: readonly MigrationState[]
  readonly failed: readonly [MigrationState, MigrationState]
  /** Where the device was right after the failure. `recovery` says where it went from there. */
  readonly actual: MigrationState | 'unknown'
  readonly errno: number
  /** The errno's name, or `undefined` when there was none. */
  readonly errnoName: string | undefined
  readonly meaning: string

  constructor(failure: TransitionFailure) {
    const name = failure.errno === 0 ? undefined : errnoName(failure.errno)
    const [left, entered] = failure.failed
    super(
      'ERR_VFIO_TRANSITION',
      `${left} -> ${entered} failed${name === undefined ? '' : ` with ${name}`} (${failure.meaning}); the device is in ${failure.actual}` +
        (failure.path.length > 2 ? `, on the route ${failure.path.join(' -> ')}` : ''),
      { device: failure.device, ...('cause' in failure ? { cause: failure.cause } : {}) },
    )
    this.from = failure.from
    this.to = failure.to
    this.path = failure.path
    this.failed = failure.failed
    this.actual = failure.actual
    this.errno = failure.errno
    this.errnoName = name
    this.meaning = failure.meaning
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      from: this.from,
      to: this.to,
      path: this.path,
      failed: this.failed,
      actual: this.actual,
      errno: this.errno,
      errnoName: this.errnoName ?? null,
      meaning: this.meaning,
    }
  }
}
