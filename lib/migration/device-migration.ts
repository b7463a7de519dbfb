// SPDX-License-Identifier: MIT
import type { DeviceSession } from '../device/device-session.js'
import { type Recovery, type RecoveryPolicy, throwIfAborted, VfioError } from '../errors/index.js'
import { Load } from './load.js'
import type { LoadOptions, LoadSession } from './load-session.js'
import type { Migration, MigrationCapabilities, TransitionOptions } from './migration.js'
import { OperationSlot } from './operation-slot.js'
import type { Protocol } from './protocol.js'
import { type RecoveryOptions, recover } from './recovery.js'
import { actualState, deadEnd, noRoute } from './refusal.js'
import { Save } from './save.js'
import type { SaveOptions, SaveSession } from './save-session.js'
import type { MigrationState, TargetState } from './state.js'
import { Switchover } from './switchover.js'
import { isSaving } from './v2/arcs.js'

const MIN_BUFFER = 64 * 2 ** 10
const MAX_BUFFER = 8 * 2 ** 20

/** The migration side of one device, whichever protocol it speaks. */
export class DeviceMigration implements Migration {
  readonly #protocol: Protocol
  readonly #slot: OperationSlot
  // Where the device was before a transition led it into a saving state: where a save that begins there rolls back to.
  #home: MigrationState | undefined

  constructor(protocol: Protocol) {
    this.#protocol = protocol
    this.#slot = new OperationSlot(protocol.device)
  }

  get protocol(): 'v1' | 'v2' {
    return this.#protocol.name
  }

  get capabilities(): MigrationCapabilities {
    return this.#protocol.capabilities
  }

  state(): Promise<MigrationState> {
    return this.#protocol.state()
  }

  reservedBits(): Promise<number> {
    return this.#protocol.reservedBits()
  }

  get session(): DeviceSession | undefined {
    return this.#protocol.session
  }

  async adoptSession(session: DeviceSession): Promise<void> {
    const release = this.#slot.take('adoption of a session')
    try {
      await this.#protocol.adoptSession(session)
    } finally {
      release()
    }
  }

  stopCopySize(): Promise<bigint | undefined> {
    return this.#protocol.stopCopySize()
  }

  async transition(target: TargetState, options: TransitionOptions = {}): Promise<MigrationState> {
    throwIfAborted(options.signal)
    const release = this.#slot.take('transition')
    try {
      let from: MigrationState | undefined
      const onStart = (state: MigrationState): void => {
        from = state
      }
      const reached = await this.#protocol.lead(target, { ...options, onStart })
      if (from !== undefined && !isSaving(from)) this.#home = from === 'resuming' ? 'running' : from
      return reached
    } finally {
      release()
    }
  }

  async save(options: SaveOptions = {}): Promise<SaveSession> {
    checkNumbers(options)
    throwIfAborted(options.signal)
    const release = this.#slot.take('save')
    try {
      return await this.#startSave(options, release)
    } catch (error) {
      release()
      throw error
    }
  }

  async #startSave(options: SaveOptions, release: () => void): Promise<SaveSession> {
    const protocol = this.#protocol
    const { signal, beforeRun } = options
    const found = await protocol.state()
    const dead = deadEnd(found) ?? (found === 'resuming' ? 'a load is in progress on the device' : undefined)
    if (dead !== undefined) throw noRoute(protocol.device, found, 'stop-copy', dead)
    const previous = isSaving(found) ? (this.#home ?? (found === 'stop-copy' ? 'stop' : 'running')) : found
    const startedAt = performance.now()
    const switchover = new Switchover(protocol, options)
    return this.#undoing(options.recovery ?? 'previous', previous, found, { beforeRun }, async () => {
      let at = found
      if (isSaving(at) && !protocol.canSaveHere()) {
        // The session of this state is lost, or somebody else's: begin again from where the device would be without it.
        at = await protocol.lead(at === 'stop-copy' ? 'stop' : 'running', { signal })
      }
      const runs = at === 'running' || at === 'running-p2p' || at === 'pre-copy' || at === 'pre-copy-p2p'
      const preCopy = options.preCopy === true && protocol.capabilities.preCopy && runs
      if (!preCopy) await switchover.run({ from: at, direct: options.direct && at === 'stop', signal })
      else if (!isSaving(at)) {
        await protocol.preparePreCopy()
        await protocol.lead('pre-copy', { signal })
      }
      const lane = protocol.openSource(options)
      const phase = preCopy ? 'pre-copy' : 'stop-copy'
      return new Save({ protocol, lane, switchover, phase, previous, startedAt, options, release })
    })
  }

  async load(options: LoadOptions = {}): Promise<LoadSession> {
    checkNumbers(options)
    throwIfAborted(options.signal)
    const release = this.#slot.take('load')
    try {
      return await this.#startLoad(options, release)
    } catch (error) {
      release()
      throw error
    }
  }

  async #startLoad(options: LoadOptions, release: () => void): Promise<LoadSession> {
    const protocol = this.#protocol
    const previous = await protocol.state()
    if (isSaving(previous)) {
      throw noRoute(
        protocol.device,
        previous,
        'resuming',
        'a save is in progress on the device; leave its state first',
      )
    }
    if (previous === 'resuming' && !protocol.canLoadHere()) {
      throw noRoute(
        protocol.device,
        previous,
        'resuming',
        'somebody else left it there with a load unfinished; reset it first',
      )
    }
    return this.#undoing(options.recovery ?? 'reset', previous, previous, { resetFirst: true }, async () => {
      await protocol.lead('resuming', { signal: options.signal })
      return new Load({ protocol, lane: protocol.openSink(options), previous, options, release })
    })
  }

  /** Runs the start of a session; when it fails and the device has left `found`, brings it back and says so in the error. */
  async #undoing<T>(
    policy: RecoveryPolicy,
    previous: MigrationState,
    found: MigrationState,
    how: RecoveryOptions,
    start: () => Promise<T>,
  ): Promise<T> {
    try {
      return await start()
    } catch (error) {
      const actual = await actualState(this.#protocol)
      const recovery: Recovery =
        actual === found
          ? { policy, steps: [], ok: true, state: actual }
          : await recover(this.#protocol, policy, previous, how)
      if (error instanceof VfioError) error.recovery = recovery
      throw error
    }
  }
}

function checkNumbers(options: SaveOptions & LoadOptions): void {
  const { bufferSize, maxChunk, preCopyTimeout, switchoverInterval } = options
  if (
    bufferSize !== undefined &&
    !(Number.isInteger(bufferSize) && bufferSize >= MIN_BUFFER && bufferSize <= MAX_BUFFER)
  ) {
    throw new RangeError(
      `bufferSize must be an integer from ${MIN_BUFFER} to ${MAX_BUFFER}, not ${bufferSize}`,
    )
  }
  if (maxChunk !== undefined && !(Number.isSafeInteger(maxChunk) && maxChunk > 0)) {
    throw new RangeError(`maxChunk must be a positive integer, not ${maxChunk}`)
  }
  if (preCopyTimeout !== undefined && !(preCopyTimeout >= 0)) {
    throw new RangeError(`preCopyTimeout must be a number of milliseconds, not ${preCopyTimeout}`)
  }
  if (options.bandwidthLimit !== undefined && options.rateLimit !== undefined) {
    throw new RangeError('bandwidthLimit and rateLimit are two ways to say one thing')
  }
  if (options.bandwidthLimit !== undefined && !(options.bandwidthLimit >= 1)) {
    throw new RangeError(`bandwidthLimit must be 1 byte per second or more, not ${options.bandwidthLimit}`)
  }
  if (switchoverInterval !== undefined && !(switchoverInterval >= 10)) {
    throw new RangeError(`switchoverInterval must be 10 milliseconds or more, not ${switchoverInterval}`)
  }
}
