// SPDX-License-Identifier: MIT

import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { checkMigrationId, defaultJournalDirectory, Journal } from '../commit/journal.js'
import { beginSource } from '../commit/source.js'
import { checkPeerToPeer, endOf, type Member, type MemberEnd, membersOf } from '../coordinator/member.js'
import { SaveSet } from '../coordinator/save-set.js'
import { RateLimit } from '../device/rate-limit.js'
import {
  type EngineOutcome,
  type EnginePhase,
  throwIfAborted,
  VfioAbortError,
  VfioEngineError,
  VfioError,
} from '../errors/index.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { profileOf } from '../migration/profile.js'
import { deadEnd, noRoute } from '../migration/refusal.js'
import type { PreCopySnapshot, SaveSession } from '../migration/save-session.js'
import type { SetPolicy } from '../policy/index.js'
import type { BulkChannel } from '../transport/index.js'
import { OutgoingDevice } from './device-channel.js'
import { watchDevices } from './device-news.js'
import { EngineClock } from './engine-clock.js'
import { throwIfGivenUp, unlessGivenUp } from './given-up.js'
import { journalFacts } from './journal-facts.js'
import { OutgoingMemory } from './memory-channel.js'
import { type EngineMessage, encodeProfile, type OfferedDevice, printable, troubleOf } from './messages.js'
import { RunRecord } from './run-record.js'
import { watchLimits } from './send-limits.js'
import type { SendOptions } from './send-options.js'
import { type SendReport, sendReport, switchOf } from './send-report.js'
import { SourceConnections } from './source-connections.js'
import { SourceEngine } from './source-engine.js'
import { type Times, timesOf } from './times.js'

/** As {@link import("./deferred.js").send} documents it. */
export async function send(devices: readonly MigratableDevice[], options: SendOptions): Promise<SendReport> {
  return new Sending(devices, options).run()
}

class Sending {
  readonly #devices: readonly MigratableDevice[]
  readonly #options: SendOptions
  readonly #times: Times
  readonly #id: string
  readonly #clock: EngineClock
  readonly #record: RunRecord
  // Ends everything that is in progress; never fires for what may not be given up any more.
  readonly #work = new AbortController()
  #failedIn: EnginePhase | undefined
  // Frees the pumps: of what was given up, and of what one device's failure takes with it.
  readonly #pumps = new AbortController()
  readonly #connections: SourceConnections
  #members: Member[] = []
  #offers: OfferedDevice[] = []
  #saves: SaveSet | undefined
  #journal: Journal | undefined
  #memory: OutgoingMemory | undefined
  #engine: SourceEngine | undefined
  #ready: { resolve: () => void; promise: Promise<void> } = promised()
  #initial: (number | undefined)[] = []
  // Where the devices were left, with the outcome unknown.
  #left: readonly MemberEnd[] | undefined

  constructor(devices: readonly MigratableDevice[], options: SendOptions) {
    this.#devices = devices
    this.#options = options
    this.#times = timesOf(options.times)
    // One listener for each device and connection is no leak.
    setMaxListeners(0, this.#work.signal, this.#pumps.signal)
    this.#id = options.id === undefined ? randomUUID() : checkMigrationId(options.id)
    this.#connections = new SourceConnections(this.#id, options, this.#times)
    this.#record = new RunRecord('source', options.recorder)
    this.#clock = new EngineClock(
      { ...options, onPhase: (phase) => this.#record.phase(phase) },
      {
        moved: () => this.#saves?.moved ?? [],
        switched: () => switchOf(this.#saves),
        memory: () => this.#memory?.progress,
      },
    )
  }

  async run(): Promise<SendReport> {
    const { signal } = this.#options
    const onAbort = (): void => this.#giveUp(new VfioAbortError(signal?.reason))
    try {
      throwIfAborted(signal)
      await this.#check()
    } catch (cause) {
      throw await this.#failure(cause, 'refused')
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#record.watch(this.#members)
    const ignoreLimits = this.#watchLimits()
    const ignoreDevices = watchDevices(this.#members, (error) => this.#mayNotGoOn(error))
    try {
      return await this.#send()
    } finally {
      ignoreLimits()
      ignoreDevices()
      signal?.removeEventListener('abort', onAbort)
      await this.#journal?.close()
      this.#clock[Symbol.dispose]()
      this.#record[Symbol.dispose]()
    }
  }

  /** Everything that can be known beforehand. Touches nobody. */
  async #check(): Promise<void> {
    this.#members = await membersOf(this.#devices)
    const { allowWithoutP2p = false, memory, memoryLimits } = this.#options
    checkPeerToPeer(this.#members, allowWithoutP2p)
    if (memory !== undefined) this.#memory = await OutgoingMemory.of(this.#members, memory, memoryLimits)
    this.#initial = this.#members.map(() => undefined)
    this.#offers = await Promise.all(
      this.#members.map(async ({ device, migration }) => {
        const state = await migration.state()
        const stuck = deadEnd(state) ?? (state === 'resuming' ? 'a load is in progress on it' : undefined)
        if (stuck !== undefined) throw noRoute(device.spec, state, 'stop-copy', stuck)
        const { preCopy, p2p } = migration.capabilities
        return {
          name: printable(device.spec, 1024),
          ...(device.driver === undefined ? {} : { driver: printable(device.driver, 64) }),
          profile: encodeProfile(await profileOf(device, migration)),
          preCopy,
          p2p,
        }
      }),
    )
  }

  async #send(): Promise<SendReport> {
    const engine = await this.#begin()
    let cause: unknown
    try {
      await this.#connectAll(engine)
      await this.#copy(engine)
      throwIfAborted(this.#work.signal)
      this.#clock.enter('load')
      await engine.stopped()
    } catch (error) {
      this.#failedIn = this.#clock.phase
      // A destination that gives up breaks the data off, and says why.
      if (isBrokenOff(error)) await engine.hearOut(this.#times.repeat)
      cause = this.#work.signal.aborted ? this.#work.signal.reason : error
      if (isBrokenOff(cause) && engine.peerTrouble !== undefined) cause = abortedByPeer(engine.peerTrouble)
      engine.reason = troubleOf(cause)
      this.#giveUp(cause)
      await engine.dispatch({ kind: 'give-up' }).catch(() => {})
    }
    const { signal, patience, holdOn = false } = this.#options
    const state = await engine.outcome(signal, { patience, holdOn }).catch(() => engine.state)
    if (state === 'aborted' || state === 'stranded') this.#failedIn ??= this.#clock.phase
    if (state === 'done' || state === 'aborted' || state === 'stranded') this.#clock.enter('finish')
    await engine.farewell()
    await this.#connections.close()
    if (state === 'done') return this.#report(engine)
    // Whoever takes it up again, in this process or another, leads the devices on: no session may be in the way. They stay stopped.
    if (state === 'committed') this.#left = await this.#saves?.complete()
    throw await this.#failure(cause ?? this.#causeOf(engine), outcomeOf(engine, state))
  }

  #causeOf(engine: SourceEngine): unknown {
    if (engine.failure !== undefined) return engine.failure
    const { state, peerTrouble } = engine
    if (state === 'committed' || state === 'lost-committed') {
      return new VfioError(
        'ERR_VFIO_OUTCOME_UNKNOWN',
        'the destination was told to run and has not been heard of since; the devices stay stopped until it is, or until an operator decides',
      )
    }
    if (peerTrouble !== undefined) return abortedByPeer(peerTrouble)
    if (this.#work.signal.aborted) return this.#work.signal.reason
    const { signal } = this.#options
    if (signal?.aborted) return new VfioAbortError(signal.reason)
    return new VfioError('ERR_VFIO_PEER_TIMEOUT', 'the destination was not heard of any more')
  }

  async #begin(): Promise<SourceEngine> {
    const { journal: directory = defaultJournalDirectory(), to } = this.#options
    this.#clock.enter('connect')
    let journal: Journal
    try {
      journal = await Journal.create(
        directory,
        'source',
        this.#id,
        await journalFacts(this.#members, to, this.#connections.key),
      )
    } catch (cause) {
      throw await this.#failure(cause, 'refused')
    }
    this.#journal = journal
    const engine = new SourceEngine({
      journal,
      first: beginSource(),
      times: this.#times,
      record: this.#record,
      runAgain: () => this.#runAgain(),
      release: () => this.#saves?.complete() ?? Promise.resolve([]),
      redial: (signal) => this.#connections.resume(signal),
      onMessage: (message) => this.#hear(message),
      onState: (state) => {
        if (state === 'committed') this.#clock.enter('resume')
        // The other side gave up while this one was still at work.
        if (state === 'aborted') this.#giveUp(this.#causeOf(engine))
      },
      onLost: (reason) => {
        // Before everything is sent there is nothing to come back to: the data connections are gone too.
        if (engine.state === 'copying') this.#giveUp(reason)
      },
    })
    this.#engine = engine
    await engine.settled().catch(() => {})
    if (engine.failure !== undefined) throw await this.#failure(engine.failure, 'stuck')
    return engine
  }

  async #connectAll(engine: SourceEngine): Promise<void> {
    const { token, memory, allowWithoutP2p = false } = this.#options
    const { signal } = this.#work
    throwIfAborted(signal)
    const connection = await this.#connections.hello(
      {
        ...(token === undefined ? {} : { token }),
        devices: this.#offers,
        memory: memory !== undefined,
        allowWithoutP2p,
      },
      signal,
    )
    engine.adopt(connection)
    this.#clock.enter('prepare')
    await this.#connections.attach(this.#members.length, memory !== undefined, signal)
    await unlessGivenUp(this.#ready.promise, this.#work.signal)
  }

  async #copy(engine: SourceEngine): Promise<void> {
    const { preCopy = false, strong = false, wiring = true, policy = drainedOnce, recovery } = this.#options
    const { bufferSize, dataPath, maxChunk, preCopyTimeout, switchoverInterval, bandwidthLimit } =
      this.#options
    const { signal } = this.#pumps
    // One for all that goes the same way, and none once the devices are to stop.
    const limit = bandwidthLimit === undefined ? undefined : new RateLimit(bandwidthLimit)
    const rateLimit = limit ?? this.#options.rateLimit
    const saves = new SaveSet(this.#members, {
      preCopy,
      policy: this.#memory?.policy(policy) ?? policy,
      ...defined({ recovery, bufferSize, dataPath, maxChunk, switchoverInterval, rateLimit }),
      onStopping: () => {
        if (limit) limit.bytesPerSecond = Number.POSITIVE_INFINITY
      },
      // It runs from when the memory is settled: the first round alone may take longer.
      ...(this.#memory === undefined
        ? defined({ preCopyTimeout })
        : { preCopyTimeout: Number.POSITIVE_INFINITY }),
      onFail: () => this.#pumps.abort(),
      onSnapshot: (index, snapshot) => this.#tellInitial(engine, index, snapshot),
    })
    this.#saves = saves
    const outgoing = this.#members.map(
      (member, index) =>
        new OutgoingDevice(member, this.#connections.channels[index] as BulkChannel, {
          strong,
          wiring,
          signal,
        }),
    )
    try {
      await Promise.all(outgoing.map((device) => device.begin()))
      throwIfGivenUp(this.#work.signal)
      const memory = this.#memory
      this.#clock.enter(preCopy || memory !== undefined ? 'pre-copy' : 'stop-copy')
      const write = (save: SaveSession, index: number) => (outgoing[index] as OutgoingDevice).write(save)
      const memoryChannel = this.#connections.channels[this.#members.length]
      if (memory === undefined || memoryChannel === undefined) await saves.save(write)
      else {
        const waits = !preCopy || this.#members.every(({ migration }) => !migration.capabilities.preCopy)
        await memory.send(memoryChannel, saves, write, {
          waits,
          signal,
          preCopyTimeout,
          ...defined({ rateLimit }),
        })
      }
    } finally {
      if (signal.aborted || saves.failed)
        await Promise.all(outgoing.map((device) => device[Symbol.asyncDispose]()))
    }
  }

  /** What a device calls initial is worth waiting for: the destination says when it has it. */
  #tellInitial(engine: SourceEngine, index: number, { initialBytes, bytes }: PreCopySnapshot): void {
    if (initialBytes !== undefined && initialBytes > 0n) {
      // It has more to say at first (again, after a reinitialisation).
      if (this.#initial[index] !== undefined) this.#saves?.switchover.acknowledgeInitial(index, false)
      this.#initial[index] = undefined
      return
    }
    if (this.#initial[index] !== undefined) return
    this.#initial[index] = bytes
    engine.send({ type: 'initial', device: index, bytes })
  }

  #hear(message: EngineMessage): void {
    if (message.type === 'ready') this.#ready.resolve()
    else if (message.type === 'initial-loaded') {
      const known = this.#initial[message.device]
      if (known !== undefined && message.bytes >= known)
        this.#saves?.switchover.acknowledgeInitial(message.device)
    } else
      this.#giveUp(
        new VfioError('ERR_VFIO_PROTOCOL', `the destination said "${message.type}", which is not its to say`),
      )
  }

  /** Ends the work in progress. What becomes of the devices is the protocol's to say. */
  #giveUp(reason: unknown): void {
    const state = this.#engine?.state
    // Everything is sent: only the protocol decides now.
    if (state === 'waiting' || state === 'committed' || state === 'done') return
    if (!this.#work.signal.aborted) this.#work.abort(reason)
    this.#pumps.abort()
    this.#saves?.fail(this.#work.signal.reason)
  }

  async #runAgain(): Promise<readonly MemberEnd[]> {
    if (this.#saves !== undefined) return this.#saves.rollBack()
    return Promise.all(this.#members.map((member) => endOf(member)))
  }

  #watchLimits(): () => void {
    return watchLimits(this.#options, {
      bytes: () => {
        const devices = this.#saves?.moved.reduce((sum, moved) => sum + moved.bytes, 0) ?? 0
        return devices + (this.#memory?.progress.bytes ?? 0)
      },
      idle: () => this.#saves?.idle === true,
      exceeded: (error) => this.#mayNotGoOn(new VfioAbortError(error, error.message)),
    })
  }

  /** Gives up until the commit, also when all is sent and only the other side's word is missing. */
  #mayNotGoOn(reason: unknown): void {
    const engine = this.#engine
    this.#giveUp(reason)
    if (engine?.state !== 'waiting') return
    if (!this.#work.signal.aborted) this.#work.abort(reason)
    engine.reason = troubleOf(reason)
    engine.dispatch({ kind: 'give-up' }).catch(() => {})
  }

  #report(engine: SourceEngine): SendReport {
    const report = sendReport(this.#clock, {
      memory: this.#memory,
      id: this.#id,
      members: this.#members,
      saves: this.#saves as SaveSet,
      ends: engine.ends ?? [],
      moments: engine.moments,
      destination: engine.peerDevices ?? [],
    })
    const { recorder } = this.#record
    if (recorder !== undefined) recorder.downtime = report.downtime
    return report
  }

  async #failure(cause: unknown, outcome: EngineOutcome): Promise<VfioEngineError> {
    const engine = this.#engine
    const phase: EnginePhase = this.#failedIn ?? this.#clock.phase ?? 'check'
    const ends =
      engine?.ends ?? this.#left ?? (await Promise.all(this.#members.map((member) => endOf(member))))
    const error = new VfioEngineError({
      id: this.#id,
      side: 'source',
      outcome,
      phase,
      devices: ends,
      peer: engine?.peerTrouble,
      peerDevices: engine?.peerDevices,
      cause,
    })
    this.#record.recorder?.fail(error)
    return error
  }
}

function outcomeOf(engine: SourceEngine, state: SourceEngine['state']): EngineOutcome {
  if (engine.failure !== undefined) return 'stuck'
  if (state === 'committed' || state === 'lost-committed') return 'unknown'
  return state === 'lost' ? 'lost' : 'aborted'
}

/** Whether a connection broke, which says nothing about why. */
function isBrokenOff(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_VFIO_PEER_LOST'
}

/** Why the other side gave up, as an error of this one. */
export function abortedByPeer({
  code,
  message,
}: {
  readonly code: string
  readonly message: string
}): VfioError {
  return new VfioError('ERR_VFIO_ABORTED_BY_PEER', `the other side gave up: ${code}: ${message}`)
}

const drainedOnce: SetPolicy = () => 'switch'

function promised(): { resolve: () => void; promise: Promise<void> } {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { resolve, promise }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}
