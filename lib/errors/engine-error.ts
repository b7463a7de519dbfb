// SPDX-License-Identifier: MIT
import type { MemberEnd } from '../coordinator/member.js'
import { VfioError } from './vfio-error.js'

/** The steps of a migration between hosts, as its reports and errors name them. */
export type EnginePhase =
  | 'check'
  | 'connect'
  | 'prepare'
  | 'pre-copy'
  | 'stop-copy'
  | 'load'
  | 'commit'
  | 'resume'
  | 'finish'

/**
 * How a migration that failed ended on this side.
 *
 * - `refused`: nothing was begun.
 * - `aborted`: it was given up, durably: this migration never commits (told by the source), or never ran here (by the destination). A source
 *   whose `devices` did not run again has not told the destination, whose copy may be the last one.
 * - `unknown`: committed, and the destination has not been heard of since. The devices stay stopped; `vfio-migrate recover`.
 * - `uncertain`: the destination was to run its devices and failed half-way: they may have run. Only an operator can tell.
 * - `waiting`: the destination holds a complete copy, stopped, and was not told what to do with it.
 * - `lost`: the devices of this side are gone.
 * - `stuck`: the journal cannot be written, so nothing more may be done.
 */
export type EngineOutcome = 'refused' | 'aborted' | 'unknown' | 'uncertain' | 'waiting' | 'lost' | 'stuck'

export interface EngineFailure {
  readonly id: string
  readonly side: 'source' | 'destination'
  readonly outcome: EngineOutcome
  readonly phase: EnginePhase
  readonly devices: readonly MemberEnd[]
  /** Why, as the other side told it. */
  readonly peer?: { readonly code: string; readonly message: string } | undefined
  /** Where the other side said its devices are. */
  readonly peerDevices?: readonly { readonly device: string; readonly state: string }[] | undefined
  readonly cause: unknown
}

const endings: Readonly<Record<EngineOutcome, string>> = {
  refused: 'nothing was begun',
  aborted: 'given up',
  unknown: 'committed, outcome unknown: see vfio-migrate recover',
  uncertain: 'committed, but the devices may have run only partly: see vfio-migrate recover',
  waiting: 'a complete copy is kept, stopped: see vfio-migrate recover',
  lost: 'the devices of this side are lost: see vfio-migrate recover',
  stuck: 'the journal cannot be written: see vfio-migrate recover',
}

/**
 * A migration between hosts did not end as it should. `code` and `name` are those of its `cause`, except that the name of a failure other
 * than an abort is `VfioEngineError`. `devices` says where this side's devices are, as they said themselves after everything that could be
 * undone was.
 */
export class VfioEngineError extends VfioError {
  override readonly name: string
  readonly id: string
  readonly side: 'source' | 'destination'
  readonly outcome: EngineOutcome
  readonly phase: EnginePhase
  readonly devices: readonly MemberEnd[]
  readonly peer: EngineFailure['peer']
  readonly peerDevices: EngineFailure['peerDevices']

  constructor(failure: EngineFailure) {
    const { cause, id, side, outcome, phase, devices } = failure
    const message = cause instanceof Error ? cause.message : String(cause)
    const coded = (cause as { code?: unknown } | undefined)?.code
    const where = devices.map(({ device, state }) => `${device} is in ${state}`).join(', ')
    super(
      typeof coded === 'string' ? coded : 'ERR_VFIO_MIGRATION',
      `${message} (${side} of migration ${id}, in ${phase}: ${endings[outcome]}${where === '' ? '' : `; ${where}`})`,
      { device: cause instanceof VfioError ? cause.device : undefined, cause },
    )
    this.name = cause instanceof Error && cause.name === 'AbortError' ? 'AbortError' : 'VfioEngineError'
    this.id = id
    this.side = side
    this.outcome = outcome
    this.phase = phase
    this.devices = devices
    this.peer = failure.peer
    this.peerDevices = failure.peerDevices
  }

  /** What the cause says of itself, and where everything ended. */
  override toJSON(): Record<string, unknown> {
    const { recovery, ...details } = this.cause instanceof VfioError ? this.cause.toJSON() : {}
    return {
      ...details,
      ...super.toJSON(),
      id: this.id,
      side: this.side,
      outcome: this.outcome,
      phase: this.phase,
      devices: this.devices,
      ...(this.peer === undefined ? {} : { peer: this.peer }),
      ...(this.peerDevices === undefined ? {} : { peerDevices: this.peerDevices }),
    }
  }
}
