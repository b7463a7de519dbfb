// SPDX-License-Identifier: MIT
import { type RecoveryPolicy, throwIfAborted, VfioError, VfioMigrationError } from '../errors/index.js'
import { Downtime } from '../recorder/downtime.js'
import { recorded } from '../recorder/recorded.js'
import {
  captureStoppedWiring,
  captureWiring,
  type RestoreWiringOptions,
  restoreWiring,
} from '../wiring/wiring.js'
import { acknowledging } from './acknowledging.js'
import type { LoadSession } from './load-session.js'
import type { MigratableDevice } from './migratable-device.js'
import type { Migration } from './migration.js'
import { checkCompatible, profileOf } from './profile.js'
import { NOTHING, PhaseClock, type ProgressOptions } from './progress.js'
import { actualState, deadEnd, noRoute } from './refusal.js'
import { type DeviceReport, type MigrationReport, switchoverReport } from './report.js'
import type { SaveOptions, SaveSession } from './save-session.js'

export interface MigrateOptions extends Omit<SaveOptions, 'recovery' | 'signal'>, ProgressOptions {
  /**
   * What becomes of the two devices after a failure. Default: the source back to its previous state, the destination reset.
   */
  readonly recovery?: { readonly source?: RecoveryPolicy; readonly destination?: RecoveryPolicy }
  /**
   * How the destination gets what is in no driver's state, the command register and the interrupts in use ({@link restoreWiring}), before it
   * runs. `false`: not at all, its owner does that.
   */
  readonly wiring?: RestoreWiringOptions | false
  /** Skips the comparison of what the devices are. The protocols must agree all the same. */
  readonly force?: boolean
  /** Gives up and undoes everything; from the moment the destination is told to run there is no way back, and it is ignored. */
  readonly signal?: AbortSignal
}

/**
 * Moves the state of `source` into `destination`, both open in this process. The destination goes to resuming first, so that one which
 * refuses costs no downtime; the source is stopped for good only once the destination runs. After a failure the destination is reset and
 * the source led back to where it was. If the destination was told to run, failed, and cannot be reset, the source is left stopped: one
 * state must not run twice.
 *
 * The PCI command register and the interrupts in use are in no driver's state; they are carried too, unless the option `wiring` says
 * otherwise. Map the destination's memory before: its bus mastering comes with them.
 *
 * @throws {VfioMigrationError} with where both devices ended. `ERR_VFIO_INCOMPATIBLE` and `ERR_VFIO_NO_ROUTE` with the phase `check`
 * come before either was touched.
 */
export async function migrate(
  source: MigratableDevice,
  destination: MigratableDevice,
  options: MigrateOptions = {},
): Promise<MigrationReport> {
  return recorded(options, 'migrate', { source, destination }, () =>
    new MigrationRun(source, destination, options).run(),
  )
}

class MigrationRun {
  readonly #source: MigratableDevice
  readonly #destination: MigratableDevice
  readonly #options: MigrateOptions
  readonly #clock: PhaseClock
  readonly #abort = new AbortController()
  #saving: SaveSession | undefined
  #loading: LoadSession | undefined
  #leaving: Migration | undefined
  #entering: Migration | undefined
  #resuming = false
  readonly #downtime = new Downtime()

  constructor(source: MigratableDevice, destination: MigratableDevice, options: MigrateOptions) {
    this.#source = source
    this.#destination = destination
    this.#options = options
    this.#clock = new PhaseClock(
      options,
      [source, destination],
      () => this.#saving?.moved ?? NOTHING,
      () => this.#followSwitchover(),
    )
  }

  async run(): Promise<MigrationReport> {
    const { signal } = this.#options
    const onAbort = (): void => this.#abort.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      throwIfAborted(signal)
      await this.#check()
      await this.#move(onAbort)
      return await this.#report()
    } catch (cause) {
      throw await this.#failure(cause)
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#clock[Symbol.dispose]()
    }
  }

  /** Everything that can be known beforehand, so that a hopeless migration disturbs nobody. */
  async #check(): Promise<void> {
    if (this.#source === this.#destination) {
      throw new VfioError('ERR_VFIO_INCOMPATIBLE', 'source and destination are the same device', {
        device: this.#source.spec,
      })
    }
    const [leaving, entering] = await Promise.all([this.#source.migration(), this.#destination.migration()])
    this.#leaving = leaving
    this.#entering = entering
    const [saved, own] = await Promise.all([
      profileOf(this.#source, leaving),
      profileOf(this.#destination, entering),
    ])
    const known = this.#options.force ? { ...own, protocol: saved.protocol } : saved
    checkCompatible(known, own, this.#destination.spec)
    const [from, to] = await Promise.all([leaving.state(), entering.state()])
    const stuck = deadEnd(from) ?? (from === 'resuming' ? 'a load is in progress on the source' : undefined)
    if (stuck !== undefined) throw noRoute(this.#source.spec, from, 'stop-copy', stuck)
    const refused = deadEnd(to)
    if (refused !== undefined) throw noRoute(this.#destination.spec, to, 'resuming', refused)
    if (from === 'stop' && leaving.protocol === 'v1' && !this.#options.direct) {
      throw noRoute(
        this.#source.spec,
        from,
        'stop-copy',
        'not every v1 driver saves a stopped device; ask with `direct`',
      )
    }
  }

  async #move(onAbort: () => void): Promise<void> {
    const { recovery, ...options } = this.#options
    const { signal } = this.#abort
    const { bufferSize, dataPath, maxChunk } = options
    this.#clock.enter('prepare')
    this.#loading = await (this.#entering as Migration).load({
      signal,
      recovery: recovery?.destination ?? 'reset',
      ...(bufferSize === undefined ? {} : { bufferSize }),
      ...(dataPath === undefined ? {} : { dataPath }),
      ...(maxChunk === undefined ? {} : { maxChunk }),
    })
    const { wiring = {} } = options
    const wiredBefore = wiring === false ? undefined : await captureWiring(this.#source)
    const { switchover } = options
    const saving = await (this.#leaving as Migration).save({
      ...options,
      ...(switchover === undefined ? {} : { switchover: acknowledging(switchover) }),
      recovery: recovery?.source ?? 'previous',
      signal,
    })
    this.#saving = saving
    this.#clock.enter(saving.phase === 'pre-copy' ? 'pre-copy' : 'stop-copy', downSince(saving))
    await saving.pipeInto(this.#loading)
    this.#followSwitchover()
    this.#beginDowntime()
    this.#downtime.reach('transfer')
    if (wiring !== false) {
      const wired = await captureStoppedWiring(this.#source, wiredBefore)
      if (wired !== undefined) await restoreWiring(this.#destination, wired, wiring)
      this.#downtime.reach('wiring')
    }
    throwIfAborted(signal)
    // The point of no return: from here on an abort could leave two devices running with one state.
    this.#options.signal?.removeEventListener('abort', onAbort)
    this.#clock.enter('resume')
    this.#resuming = true
    await this.#loading.complete('running')
    this.#downtime.reach('resume')
    this.#clock.enter('finish')
    await saving.complete()
  }

  /** The save switches by itself; the clock learns of it here. */
  #followSwitchover(): void {
    const saving = this.#saving
    if (this.#clock.phase !== 'pre-copy' || saving?.preCopied === undefined) return
    this.#clock.enter('stop-copy', downSince(saving), saving.preCopied)
  }

  #beginDowntime(): void {
    const { quiescedAt, stoppedAt, switchedAt } = this.#saving ?? {}
    if (stoppedAt === undefined || this.#downtime.report() !== undefined) return
    this.#downtime.begin(quiescedAt ?? stoppedAt)
    if (quiescedAt !== undefined) this.#downtime.reach('quiesce', stoppedAt)
    this.#downtime.reach('stop', switchedAt)
  }

  async #report(): Promise<MigrationReport> {
    const { phases, totalMs } = this.#clock.finish()
    const saving = this.#saving as SaveSession
    const { moved, protocol } = saving
    const downtime = this.#downtime.report() ?? { totalMs: 0, parts: [] }
    if (this.#options.recorder !== undefined) this.#options.recorder.downtime = downtime
    return {
      ok: true,
      protocol,
      bytes: moved.bytes,
      totalMs,
      ...switchoverReport(
        saving,
        phases.some(({ name }) => name === 'pre-copy'),
      ),
      downtimeMs: downtime.totalMs,
      downtime,
      source: await where(this.#source, this.#leaving),
      destination: await where(this.#destination, this.#entering),
      phases,
    }
  }

  /** Undoes what is left to undo, and makes the error that says so. */
  async #failure(cause: unknown): Promise<VfioMigrationError> {
    const phase = this.#clock.phase ?? 'check'
    // Sessions that failed have undone themselves; closing the others undoes them. What could not be done is in their recovery.
    await this.#loading?.close().catch(() => {})
    const destination = await where(this.#destination, this.#entering)
    const reset = this.#loading?.recovery?.steps.includes('reset') === true
    const elsewhere = this.#resuming && !reset && mayRun(destination)
    if (this.#saving?.phase === 'ended' && elsewhere) await this.#saving.complete().catch(() => {})
    else await this.#saving?.close().catch(() => {})
    const ofCause = cause instanceof VfioError ? cause.recovery : undefined
    const source = await where(this.#source, this.#leaving)
    this.#beginDowntime()
    if (mayRun(source)) this.#downtime.reach('roll-back')
    if (this.#options.recorder !== undefined) this.#options.recorder.downtime = this.#downtime.report()
    return new VfioMigrationError({
      cause,
      phase,
      source,
      destination: await where(this.#destination, this.#entering),
      sourceRecovery: this.#saving?.recovery ?? (this.#loading === undefined ? undefined : ofCause),
      destinationRecovery: this.#loading?.recovery ?? (this.#loading === undefined ? ofCause : undefined),
    })
  }
}

/** When the downtime of a save began; `undefined` before. */
function downSince({ quiescedAt, stoppedAt }: SaveSession): number | undefined {
  return quiescedAt ?? stoppedAt
}

function mayRun({ state }: DeviceReport): boolean {
  return state === 'running' || state === 'running-p2p' || state === 'unknown'
}

async function where(device: MigratableDevice, migration: Migration | undefined): Promise<DeviceReport> {
  return { device: device.spec, state: migration === undefined ? 'unknown' : await actualState(migration) }
}
