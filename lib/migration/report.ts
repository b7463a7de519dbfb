// SPDX-License-Identifier: MIT
import type { DowntimeReport } from '../recorder/downtime.js'
import type { Manifest } from '../stream/manifest.js'
import type { SaveSession } from './save-session.js'
import type { MigrationState } from './state.js'

/** `prepare`: destination to resuming. `load`: from a stream. `resume`: destination to running. `finish`: source to stop, after the downtime. */
export type MigrationPhase = 'prepare' | 'pre-copy' | 'stop-copy' | 'load' | 'resume' | 'finish'

export interface PhaseReport {
  readonly name: MigrationPhase
  readonly ms: number
  /** Device data moved in this phase, in bytes. */
  readonly bytes: number
  readonly chunks: number
}

/** Where a device was left. */
export interface DeviceReport {
  readonly device: string
  /** What the device said last; `unknown` when it could not be asked. */
  readonly state: MigrationState | 'unknown'
}

/** How a pre-copy ended. */
export interface SwitchoverReport {
  /** How often the device had been drained by then. */
  readonly rounds: number
  /** Why it was, where the policy said so. */
  readonly reason?: string
}

/** What a migration did. Plain data, made to be printed or sent as JSON. */
export interface MigrationReport {
  readonly ok: true
  readonly protocol: 'v1' | 'v2'
  /** Device data moved, in bytes. */
  readonly bytes: number
  readonly totalMs: number
  /** From asking the source to leave running or pre-copy (with `beforeStop`: from asking it to be quiet) to the destination running. */
  readonly downtimeMs: number
  /** Missing where there was no pre-copy. */
  readonly switchover?: SwitchoverReport
  /** The same by its parts: `quiesce`, `stop`, `transfer`, `wiring`, `resume`, as far as there were. */
  readonly downtime: DowntimeReport
  readonly source: DeviceReport
  readonly destination: DeviceReport
  readonly phases: readonly PhaseReport[]
}

/** What a save to a stream, or a load from one, did. */
export interface TransferReport {
  readonly ok: true
  readonly protocol: 'v1' | 'v2'
  /** Device data moved, in bytes; framing excluded. */
  readonly bytes: number
  readonly chunks: number
  readonly totalMs: number
  /** Of a save that began in pre-copy. */
  readonly switchover?: SwitchoverReport
  readonly device: string
  readonly state: MigrationState | 'unknown'
  readonly phases: readonly PhaseReport[]
}

/** A save to a framed stream, or a load from one. */
export interface StreamReport extends TransferReport {
  readonly manifest: Manifest
  readonly frames: number
  /** The whole stream, framing included. */
  readonly streamBytes: number
}

/** How far an operation is. */
export interface MigrationProgress {
  readonly phase: MigrationPhase
  readonly bytes: number
  readonly chunks: number
  /** Milliseconds since the operation began. */
  readonly elapsedMs: number
}

/** What a report says of the pre-copy of a save. @param preCopied whether it began there */
export function switchoverReport(saving: SaveSession, preCopied: boolean): { switchover?: SwitchoverReport } {
  if (!preCopied) return {}
  const { rounds, switchReason } = saving
  return { switchover: { rounds, ...(switchReason === undefined ? {} : { reason: switchReason }) } }
}
