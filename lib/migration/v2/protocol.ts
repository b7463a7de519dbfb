// SPDX-License-Identifier: MIT

import { VFIO_DEVICE_FEATURE_SET, VFIO_PRECOPY_INFO_REINIT } from '../../constants.js'
import type { Device } from '../../device/device.js'
import type { DeviceSession } from '../../device/device-session.js'

import { featureId } from '../../device/features.js'
import { beginning, channels, monotonicNs } from '../../diagnostics/channels.js'
import { throwIfAborted, VfioError, type VfioTransitionError } from '../../errors/index.js'

import type { LoadOptions } from '../load-session.js'
import type { MigrationCapabilities } from '../migration.js'
import {
  type LeadOptions,
  type LoadLane,
  NO_ESTIMATES,
  type PreCopyEstimates,
  type Protocol,
  type SaveLane,
} from '../protocol.js'
import { actualState, deadEnd, isLost, noRoute, refusal } from '../refusal.js'
import type { SaveOptions } from '../save-session.js'
import type { MigrationState, TargetState } from '../state.js'
import {
  hasState,
  isSaving,
  MIGRATION_P2P,
  MIGRATION_PRE_COPY,
  numberOfState,
  route,
  stateOfNumber,
} from './arcs.js'

const DEFAULT_BUFFER = 2 ** 20

/** v2: `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` and the data sessions it yields. */
export class V2Protocol implements Protocol {
  readonly name = 'v2'
  readonly roundsAreWhole = false
  readonly capabilities: MigrationCapabilities
  readonly #device: Device
  readonly #flags: bigint
  // The session of the group the device is in, while nobody reads or writes it yet.
  #session: DeviceSession | undefined
  // Whether the driver was told that we know VFIO_PRECOPY_INFO_REINIT. Others echo whatever flags there were.
  #reinitIsTrue = false

  constructor(device: Device, flags: bigint) {
    this.#device = device
    this.#flags = flags
    this.capabilities = {
      preCopy: (flags & MIGRATION_PRE_COPY) !== 0n,
      p2p: (flags & MIGRATION_P2P) !== 0n,
      flags,
      dataSection: undefined,
    }
  }

  get device(): string {
    return this.#device.spec
  }

  async state(): Promise<MigrationState> {
    return stateOfNumber(await this.#device.migrationState())
  }

  async reservedBits(): Promise<number> {
    return 0
  }

  async stopCopySize(): Promise<bigint | undefined> {
    try {
      return await this.#device.migrationDataSize()
    } catch (cause) {
      // Older kernels and drivers do not know the feature, and a wrong estimate is no reason to fail: uAPI calls it one.
      if (isLost(cause)) throw cause
      return undefined
    }
  }

  async lead(target: TargetState, options: LeadOptions = {}): Promise<MigrationState> {
    // Read first: SET while the device is in error makes the kernel warn, which is a crash under panic_on_warn.
    let at = await this.state()
    options.onStart?.(at)
    for (const request of this.#requests(at, target)) {
      throwIfAborted(options.signal)
      const path = this.#path(at, request)
      at = await this.#set(at, request, path)
      for (const passed of path.slice(1)) options.onStep?.(passed)
    }
    return at
  }

  /** The SETs that lead there: one, except where the kernel refuses a way that two of them make. */
  #requests(from: MigrationState, to: TargetState): readonly TargetState[] {
    if (from === to) return []
    const dead = deadEnd(from)
    if (dead !== undefined) throw noRoute(this.device, from, to, dead)
    if (!hasState(to, this.#flags)) throw noRoute(this.device, from, to, `the device has no ${to}`)
    return from === 'stop-copy' && isSaving(to) ? ['stop', to] : [to]
  }

  /** The states one SET passes. A state newer than this library has no row in the table: the kernel knows the way then. */
  #path(from: MigrationState, to: TargetState): readonly MigrationState[] {
    return route(from, to, this.#flags) ?? [from, to]
  }

  async #set(
    from: MigrationState,
    to: TargetState,
    path: readonly MigrationState[],
  ): Promise<MigrationState> {
    let session: DeviceSession | undefined
    const began = beginning(channels.state)
    let took = 0n
    const told = (actual: MigrationState | 'unknown', cause?: unknown): void => {
      if (began !== undefined) this.#device.trace.state(began, { from, to }, took, actual, cause)
    }
    const answered = (): void => {
      if (began !== undefined) took = monotonicNs() - began
    }
    try {
      session = await this.#device.setMigrationState(numberOfState(to)).finally(answered)
    } catch (cause) {
      if (isLost(cause)) {
        told('unknown', cause)
        throw cause
      }
      const actual = await actualState(this)
      told(actual, cause)
      if (!isSaving(actual as MigrationState) && actual !== 'resuming') await this.#drop()
      throw this.#refusal(from, to, path, actual, cause)
    }
    const continues = isSaving(from) && isSaving(to)
    if (session !== undefined || !continues) {
      await this.#drop()
      this.#session = session
    }
    if (continues && session !== undefined) {
      const error = new VfioError(
        'ERR_VFIO_MALFORMED',
        `${from} -> ${to} began another session: the device was reset or used by somebody else meanwhile`,
        { device: this.device },
      )
      told('unknown', error)
      throw error
    }
    const actual = await actualState(this)
    if (actual === to) {
      told(actual)
      return to
    }
    const refused = this.#refusal(from, to, path, actual, undefined)
    told(actual, refused)
    throw refused
  }

  #refusal(
    from: MigrationState,
    to: MigrationState,
    path: readonly MigrationState[],
    actual: MigrationState | 'unknown',
    cause: unknown,
  ): VfioTransitionError {
    const driver = this.#device.personality ?? this.#device.driver
    return refusal(this.device, { from, to, path, failed: failedHop(path, actual), actual, cause, driver })
  }

  async #drop(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  async preparePreCopy(): Promise<void> {
    this.#reinitIsTrue = false
    try {
      if (!(await this.#device.probeFeature(featureId.precopyInfo2)).set) return
      await this.#device.feature(VFIO_DEVICE_FEATURE_SET | featureId.precopyInfo2)
      this.#reinitIsTrue = true
    } catch (cause) {
      // Nothing is lost without it: most drivers, and all before 2026, do not know the feature.
      if (isLost(cause)) throw cause
    }
  }

  canSaveHere(): boolean {
    return this.#session !== undefined
  }

  canLoadHere(): boolean {
    return this.#session !== undefined
  }

  get session(): DeviceSession | undefined {
    return this.#session
  }

  async adoptSession(session: DeviceSession): Promise<void> {
    await this.#drop()
    this.#session = session
  }

  openSource(options: SaveOptions): SaveLane {
    const session = this.#take()
    const source = session.source(options.bufferSize ?? DEFAULT_BUFFER)
    return {
      source,
      estimates: () => estimatesOf(session, this.#reinitIsTrue),
      close: async () => {
        await Promise.all([source.close(), session.close()])
      },
    }
  }

  openSink(options: LoadOptions): LoadLane {
    const session = this.#take()
    const sink = session.sink(options.bufferSize ?? DEFAULT_BUFFER)
    return {
      sink,
      close: async () => {
        await Promise.all([sink.close(), session.close()])
      },
    }
  }

  #take(): DeviceSession {
    const session = this.#session
    this.#session = undefined
    if (session === undefined) {
      throw new VfioError('ERR_VFIO_MALFORMED', 'the device entered the state without giving a session', {
        device: this.device,
      })
    }
    return session
  }

  async acknowledge(): Promise<void> {}

  async reset(): Promise<void> {
    await this.#device.reset()
    await this.#drop()
  }
}

async function estimatesOf(session: DeviceSession, reinitIsTrue: boolean): Promise<PreCopyEstimates> {
  try {
    const { flags, initialBytes, dirtyBytes } = await session.precopyInfo()
    const reinitialised = reinitIsTrue && (flags & VFIO_PRECOPY_INFO_REINIT) !== 0
    return { initialBytes, dirtyBytes, pendingBytes: undefined, reinitialised }
  } catch (cause) {
    // Some drivers fail the request in states where the uAPI allows it, and they are estimates: a save can do without.
    if (isLost(cause)) throw cause
    return NO_ESTIMATES
  }
}

/**
 * The hop that failed, from where the device was found: it stands where the failed hop began, or, when the state was entered but its
 * session could not be made, at the end. Where it went into error on the way nobody can tell, the whole way is given.
 */
export function failedHop(
  path: readonly MigrationState[],
  actual: MigrationState | 'unknown',
): readonly [MigrationState, MigrationState] {
  const first = path[0] as MigrationState
  const last = path[path.length - 1] as MigrationState
  const at = path.indexOf(actual as MigrationState)
  if (at === -1) return [first, last]
  if (at === path.length - 1) return [path[at - 1] ?? first, last]
  return [path[at] as MigrationState, path[at + 1] as MigrationState]
}
