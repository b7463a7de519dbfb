// SPDX-License-Identifier: MIT
import type { DeviceReport, MigrationPhase } from '../migration/report.js'
import type { Recovery } from './recovery.js'
import { VfioError } from './vfio-error.js'

export interface MigrationFailure {
  readonly cause: unknown
  /** Where it failed; `check` before either device was touched. */
  readonly phase: MigrationPhase | 'check'
  readonly source: DeviceReport
  readonly destination: DeviceReport
  readonly sourceRecovery: Recovery | undefined
  readonly destinationRecovery: Recovery | undefined
}

/**
 * A migration failed. `code` and `name` are those of its `cause`, except that the name of a failure other than an abort is
 * `VfioMigrationError`; `source.state` and `destination.state` are what the devices said after everything was undone that could be.
 */
export class VfioMigrationError extends VfioError {
  override readonly name: string
  readonly phase: MigrationPhase | 'check'
  readonly source: DeviceReport
  readonly destination: DeviceReport
  /** What was done to each device; `undefined` for one that was not touched. */
  readonly sourceRecovery: Recovery | undefined
  readonly destinationRecovery: Recovery | undefined

  constructor(failure: MigrationFailure) {
    const { cause, source, destination } = failure
    const message = cause instanceof Error ? cause.message : String(cause)
    const coded = (cause as { code?: unknown } | undefined)?.code
    super(
      typeof coded === 'string' ? coded : 'ERR_VFIO_MIGRATION',
      `${message} (in ${failure.phase}; source ${source.device} is in ${source.state}, destination ${destination.device} in ${destination.state})`,
      { device: cause instanceof VfioError ? cause.device : undefined, cause },
    )
    this.name = cause instanceof Error && cause.name === 'AbortError' ? 'AbortError' : 'VfioMigrationError'
    this.phase = failure.phase
    this.source = source
    this.destination = destination
    this.sourceRecovery = failure.sourceRecovery
    this.destinationRecovery = failure.destinationRecovery
  }

  /** What the cause says of itself (a transition's states and errno, a system call), and where both devices ended. */
  override toJSON(): Record<string, unknown> {
    // The recovery is told with the device it was of.
    const { recovery, ...details } = this.cause instanceof VfioError ? this.cause.toJSON() : {}
    return {
      ...details,
      ...super.toJSON(),
      phase: this.phase,
      source: { ...this.source, ...(this.sourceRecovery && { recovery: this.sourceRecovery }) },
      destination: {
        ...this.destination,
        ...(this.destinationRecovery && { recovery: this.destinationRecovery }),
      },
    }
  }
}
