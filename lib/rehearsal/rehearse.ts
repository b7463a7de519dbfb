// SPDX-License-Identifier: MIT
import { throwIfAborted, VfioError } from '../errors/index.js'
import { acknowledging } from '../migration/acknowledging.js'
import { believed, remainingOf } from '../migration/estimate.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import type { Migration } from '../migration/migration.js'
import { NOTHING, PhaseClock } from '../migration/progress.js'
import type { SaveSession } from '../migration/save-session.js'
import { type PreCopySnapshot, type SwitchoverDecision, spelledOut } from '../migration/switchover-policy.js'
import { DirtyRate } from './dirty-rate.js'
import type { Observed, RehearsalOptions } from './options.js'
import { predict } from './predict.js'
import type { Prediction } from './prediction.js'
import { VoidPump } from './void-pump.js'
import { preCopiesByDefault, rehearsalWarnings } from './warnings.js'

const PRE_COPY_TIMEOUT = 120_000
/** How often the device is asked while data flows, in milliseconds, unless the policy wants it otherwise. */
const INTERVAL = 100
/** How long the rehearsal goes on after the decision to learn what the device dirties, in milliseconds. */
const LEARNING = 500

/** Ends a save that was only to be quieted. */
const onlyQuiet = new Error('the rehearsal ends before the device is stopped')

/**
 * Goes through the steps of a migration of `device` that were asked for, into the void, and predicts a real one: what it moves, how long it
 * takes, how long the device stands still. The device runs when it resolves. Each disturbing step is asked for by its option; see
 * {@link rehearsalWarnings} for what they do.
 * @throws {VfioError} `ERR_VFIO_NO_ROUTE` before the device is touched, unless it runs; a step that failed, `recovery` saying where the
 * device was led
 */
export async function rehearse(
  device: MigratableDevice,
  options: RehearsalOptions = {},
): Promise<Prediction> {
  for (const name of ['bandwidth', 'loadRate'] as const) {
    const rate = options[name]
    if (rate !== undefined && !(rate > 0))
      throw new RangeError(`${name} must be bytes per second, not ${rate}`)
  }
  throwIfAborted(options.signal)
  const migration = await device.migration()
  const state = await migration.state()
  if (state !== 'running') {
    throw new VfioError(
      'ERR_VFIO_NO_ROUTE',
      `a rehearsal begins with a running device, and this one is in ${state}`,
      {
        device: device.spec,
      },
    )
  }
  await using pump = await VoidPump.open(device, options)
  return predict(await new Rehearsal(device, migration, options, pump).run(), options)
}

class Rehearsal {
  readonly #device: MigratableDevice
  readonly #migration: Migration
  readonly #options: RehearsalOptions
  readonly #steps: { readonly preCopy: boolean; readonly quiesce: boolean; readonly stop: boolean }
  readonly #dirty = new DirtyRate()
  readonly #pump: VoidPump
  #saving: SaveSession | undefined
  #closing: Promise<void> | undefined
  #startedAt = 0
  #enterMs = 0
  #decided:
    | {
        readonly decision: Exclude<SwitchoverDecision, 'continue'>
        readonly reason: string | undefined
        readonly snapshot: PreCopySnapshot
        readonly left: number | undefined
        readonly onItsWay: number
      }
    | undefined
  #estimate: number | undefined
  #quiesceMs: number | undefined
  #leavingAt: number | undefined
  #leaveMs: number | undefined
  #stopped: Observed['stopped']

  constructor(device: MigratableDevice, migration: Migration, options: RehearsalOptions, pump: VoidPump) {
    this.#pump = pump
    this.#device = device
    this.#migration = migration
    this.#options = options
    const { capabilities } = migration
    this.#steps = {
      preCopy: capabilities.preCopy && (options.preCopy ?? preCopiesByDefault(device.driver, capabilities)),
      quiesce: options.quiesce ?? false,
      stop: options.stop ?? false,
    }
  }

  async run(): Promise<Observed> {
    const size = await this.#migration.stopCopySize()
    this.#estimate = size === 0n ? undefined : believed(size, 0)
    const { preCopy, quiesce, stop } = this.#steps
    if (preCopy || stop) await this.#save()
    else if (quiesce) await this.#quiet()
    return this.#observed()
  }

  async #save(): Promise<void> {
    const { options } = this.#saveOptions()
    using clock = new PhaseClock(this.#options, [this.#device], () => this.#saving?.moved ?? NOTHING)
    this.#startedAt = performance.now()
    const saving = await this.#migration.save(options)
    this.#enterMs = performance.now() - this.#startedAt
    this.#saving = saving
    clock.enter(saving.phase === 'pre-copy' ? 'pre-copy' : 'stop-copy')
    if (saving.phase === 'stop-copy') this.#pump.hurry()
    try {
      await this.#pump.read(saving)
    } catch (error) {
      if (this.#closing === undefined && error !== onlyQuiet) throw error
      if (error === onlyQuiet) checkRolledBack(saving, this.#device)
    } finally {
      await (this.#closing ?? (saving.phase === 'ended' ? undefined : saving.close()))
    }
    if (this.#leavingAt !== undefined) this.#leaveMs = performance.now() - this.#leavingAt
    if (saving.phase === 'ended') await this.#runAgain(saving)
  }

  #saveOptions() {
    const { bufferSize, dataPath, maxChunk, recovery, signal, switchoverInterval } = this.#options
    const { preCopy, quiesce } = this.#steps
    const options = {
      preCopy,
      rateLimit: this.#pump.limit,
      // Nothing but the decision may stop the device.
      preCopyTimeout: Number.POSITIVE_INFINITY,
      switchover: (snapshot: PreCopySnapshot) => this.#observe(snapshot),
      switchoverInterval: switchoverInterval ?? INTERVAL,
      beforeRun: async () => {
        this.#leavingAt ??= performance.now()
      },
      ...(quiesce ? { beforeStop: () => this.#isQuiet() } : {}),
      ...(bufferSize === undefined ? {} : { bufferSize }),
      ...(dataPath === undefined ? {} : { dataPath }),
      ...(maxChunk === undefined ? {} : { maxChunk }),
      ...(recovery === undefined ? {} : { recovery }),
      ...(signal === undefined ? {} : { signal }),
    }
    return { options }
  }

  async #observe(snapshot: PreCopySnapshot): Promise<'continue' | 'switch'> {
    const bandwidth = this.#pump.bandwidthOf(snapshot.bandwidth)
    this.#dirty.note(snapshot)
    if (this.#closing !== undefined) return 'continue'
    if (this.#decided === undefined) {
      const { decision, reason } = await this.#ask({ ...snapshot, bandwidth })
      if (decision === 'continue') return 'continue'
      const size = await snapshot.stopCopySize()
      const left = (size === 0n ? undefined : believed(size, snapshot.bytes)) ?? remainingOf(snapshot)
      this.#decided = { decision, reason, snapshot, left, onItsWay: this.#onItsWay(snapshot) }
    }
    const { decision, snapshot: then } = this.#decided
    if (decision === 'switch' && (this.#steps.quiesce || this.#steps.stop)) {
      this.#pump.hurryOnce(() => this.#saving?.switchedAt !== undefined)
      return 'switch'
    }
    const learning = this.#dirty.rate === undefined && snapshot.elapsedMs - then.elapsedMs < LEARNING
    if (!learning) {
      this.#closing = (this.#saving as SaveSession).close()
      // Awaited where the reading ends.
      this.#closing.catch(() => {})
    }
    return 'continue'
  }

  async #ask(snapshot: PreCopySnapshot) {
    const { switchover, switchoverInterval, preCopyTimeout = PRE_COPY_TIMEOUT } = this.#options
    if (snapshot.elapsedMs >= preCopyTimeout) {
      const reason = `the pre-copy took longer than its ${preCopyTimeout} ms`
      return { decision: 'switch' as const, reason }
    }
    // As a save does: asked while data flows only if that is wanted.
    if (!snapshot.drained && (switchover === undefined || switchoverInterval === undefined)) {
      return { decision: 'continue' as const }
    }
    return spelledOut(switchover === undefined ? 'switch' : await acknowledging(switchover)(snapshot))
  }

  /** A chunk that was read and not yet taken by the other side: the device has forgotten it, the counters do not know it yet. */
  #onItsWay({ drained }: PreCopySnapshot): number {
    const { bytes, chunks } = this.#saving?.moved ?? NOTHING
    return drained || chunks === 0 ? 0 : bytes / chunks
  }

  async #isQuiet(): Promise<void> {
    const { quiescedAt } = this.#saving ?? {}
    if (quiescedAt !== undefined) this.#quiesceMs = performance.now() - quiescedAt
    if (!this.#steps.stop) throw onlyQuiet
  }

  /** Without pre-copy, and not to be stopped. */
  async #quiet(): Promise<void> {
    if (!this.#migration.capabilities.p2p) return
    const { signal } = this.#options
    const began = performance.now()
    try {
      await this.#migration.transition('running-p2p', signal === undefined ? {} : { signal })
      this.#quiesceMs = performance.now() - began
    } finally {
      await this.#migration.transition('running')
    }
  }

  /** All was read, nobody has it: the device goes on with what it holds. */
  async #runAgain(saving: SaveSession): Promise<void> {
    const { stoppedAt = 0, switchedAt = 0, moved, preCopied } = saving
    let stopAt = performance.now()
    try {
      await saving.complete()
    } finally {
      stopAt = performance.now()
      await this.#migration.transition('running')
    }
    const drainMs = Math.max(0, this.#pump.endedAt - switchedAt)
    const bytes = moved.bytes - (preCopied?.bytes ?? 0)
    this.#stopped = {
      stopMs: switchedAt - stoppedAt,
      drainMs,
      bytes,
      resumeMs: performance.now() - stopAt,
    }
  }

  #observed(): Observed {
    const { driver, spec } = this.#device
    const { capabilities, protocol } = this.#migration
    const decided = this.#decided
    const steps: Observed['steps'][number][] = []
    if (decided !== undefined) steps.push('pre-copy')
    if (this.#quiesceMs !== undefined) steps.push('quiesce')
    if (this.#stopped !== undefined) steps.push('stop')
    return {
      device: spec,
      driver,
      protocol,
      p2p: capabilities.p2p,
      steps,
      warnings: rehearsalWarnings(driver, capabilities.p2p, this.#steps),
      preCopy:
        decided === undefined
          ? undefined
          : {
              decision: decided.decision,
              reason: decided.reason,
              rounds: decided.snapshot.round,
              bytes: decided.snapshot.bytes,
              ms: decided.snapshot.elapsedMs,
              enterMs: this.#enterMs,
              left: decided.left,
              onItsWay: decided.onItsWay,
              leaveMs: this.#leaveMs,
            },
      estimate: this.#estimate,
      dirtyRate: this.#dirty.rate,
      readRate: this.#pump.readRate,
      quiesceMs: this.#quiesceMs,
      stopped: this.#stopped,
    }
  }
}

function checkRolledBack({ recovery }: SaveSession, { spec }: MigratableDevice): void {
  if (recovery?.ok !== false) return
  const error = new VfioError('ERR_VFIO_TRANSITION', `after the rehearsal: ${recovery.message}`, {
    device: spec,
  })
  error.recovery = recovery
  throw error
}
