// SPDX-License-Identifier: MIT
import { setMaxListeners } from 'node:events'
import { beginDestination, type DestinationState } from '../commit/destination.js'
import { defaultJournalDirectory, Journal } from '../commit/journal.js'
import { LoadSet } from '../coordinator/load-set.js'
import { checkPeerToPeer, endOf, type Member, membersOf } from '../coordinator/member.js'
import {
  type EngineOutcome,
  type EnginePhase,
  throwIfAborted,
  VfioAbortError,
  VfioEngineError,
  VfioError,
} from '../errors/index.js'
import type { MemoryReceiver } from '../memory/memory-owner.js'
import type { LoadOptions, LoadSession } from '../migration/load-session.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { checkCompatible, profileOf } from '../migration/profile.js'
import { deadEnd, noRoute } from '../migration/refusal.js'
import type { RecorderOptions } from '../recorder/index.js'
import {
  type BulkChannel,
  type Connection,
  type Listener,
  type ListenOptions,
  listen,
  parseAddress,
} from '../transport/index.js'
import type { RestoreWiringOptions } from '../wiring/wiring.js'
import { Authorisation, type AuthorisationOptions } from './authorisation.js'
import { DestinationEngine } from './destination-engine.js'
import { receiveDevice } from './device-channel.js'
import { watchDevices } from './device-news.js'
import { EngineClock } from './engine-clock.js'
import { throwIfGivenUp, unlessGivenUp } from './given-up.js'
import { journalFacts } from './journal-facts.js'
import { decodeProfile, type EngineMessage, engineVersion, type MessageOf, troubleOf } from './messages.js'
import { type ReceiveProgress, type ReceiveReport, receiveReport } from './receive-report.js'
import { Reception } from './reception.js'
import { RunRecord } from './run-record.js'
import { abortedByPeer } from './send.js'
import { type EngineTimes, type Times, timesOf } from './times.js'

export interface ReceiveOptions
  extends Omit<LoadOptions, 'signal' | 'recovery'>,
    AuthorisationOptions,
    Pick<ListenOptions, 'tls' | 'allInterfaces'>,
    RecorderOptions {
  /** `unix:PATH`, `tls:HOST:PORT`, or `tcp:HOST:PORT` (neither secret nor proof against tampering); port 0 for any. */
  readonly listen: string
  /** Where the journal is kept: a directory on a disk that survives a crash. Default {@link defaultJournalDirectory}. */
  readonly journal?: string
  /** What to do with command register and interrupts that were sent too. `false`: nothing, their owner does that. Default: restore all of it. */
  readonly wiring?: RestoreWiringOptions | false
  /** Several devices of which not all can be quieted before any runs. Default false. */
  readonly allowWithoutP2p?: boolean
  /** The memory that the devices write by DMA, where the source sends it. */
  readonly memory?: MemoryReceiver
  readonly times?: EngineTimes
  /**
   * Milliseconds for which devices that run wait for the source's confirmation before the call resolves without it. Until then a source that
   * has lost the connection is answered. Default: no limit.
   */
  readonly confirmation?: number
  /**
   * Gives up: waiting, and receiving. A complete copy is given up too, unless the signal fired by a time-out (an `AbortSignal.timeout`), which
   * never decides that: the copy then stays, stopped, and the call rejects with the outcome `waiting`.
   */
  readonly signal?: AbortSignal
  /** A complete copy is kept even if `signal` fires by a time-out, and the call goes on: for a process whose end would lose it. Default false. */
  readonly holdOn?: boolean
  /** Told the address that is listened at, with the real port. */
  readonly onListening?: (address: string) => void
  /** Told whom the engine sent away, and why. It goes on listening. */
  readonly onRefused?: (peer: string, error: VfioError) => void
  readonly onProgress?: (progress: ReceiveProgress) => void
  /** Milliseconds between two reports of progress within a phase. Default 100. */
  readonly progressInterval?: number
  /** Makes the listener. Default: what the address says. */
  readonly listener?: (address: string, options: ListenOptions) => Promise<Listener>
}

/** As {@link import("./deferred.js").receive} documents it. */
export async function receive(
  devices: readonly MigratableDevice[],
  options: ReceiveOptions,
): Promise<ReceiveReport> {
  return new Receiving(devices, options).run()
}

class Receiving {
  readonly #devices: readonly MigratableDevice[]
  readonly #options: ReceiveOptions
  readonly #times: Times
  readonly #clock: EngineClock
  readonly #record: RunRecord
  readonly #authorisation: Authorisation
  // Ends the receiving in progress; never fires for what may not be given up any more.
  readonly #work = new AbortController()
  #failedIn: EnginePhase | undefined
  #members: Member[] = []
  #loads: LoadSet | undefined
  #reception: Reception | undefined
  #engine: DestinationEngine | undefined
  #journal: Journal | undefined
  #id = ''
  #peer = ''
  #withMemory = false
  readonly #initial = new Map<number, number>()

  constructor(devices: readonly MigratableDevice[], options: ReceiveOptions) {
    this.#devices = devices
    this.#options = options
    this.#times = timesOf(options.times)
    // One listener for each device and connection is no leak.
    setMaxListeners(0, this.#work.signal)
    this.#authorisation = new Authorisation(parseAddress(options.listen).kind, options)
    this.#record = new RunRecord('destination', options.recorder)
    this.#clock = new EngineClock(
      { ...options, onPhase: (phase) => this.#record.phase(phase) },
      { moved: () => this.#loads?.moved ?? [] },
    )
  }

  async run(): Promise<ReceiveReport> {
    const { signal } = this.#options
    const onAbort = (): void => this.#giveUp(new VfioAbortError(signal?.reason))
    try {
      throwIfAborted(signal)
      await this.#check()
      signal?.addEventListener('abort', onAbort, { once: true })
      await this.#listen()
    } catch (cause) {
      signal?.removeEventListener('abort', onAbort)
      throw await this.#failure(cause, 'refused')
    }
    const ignoreDevices = watchDevices(this.#members, (error) => this.#giveUp(error))
    this.#record.watch(this.#members)
    try {
      return await this.#receive()
    } finally {
      ignoreDevices()
      signal?.removeEventListener('abort', onAbort)
      await this.#reception?.close()
      await this.#journal?.close()
      this.#clock[Symbol.dispose]()
      this.#record[Symbol.dispose]()
    }
  }

  async #check(): Promise<void> {
    this.#members = await membersOf(this.#devices)
    checkPeerToPeer(this.#members, this.#options.allowWithoutP2p ?? false)
    for (const { device, migration } of this.#members) {
      const state = await migration.state()
      const refused = deadEnd(state)
      if (refused !== undefined) throw noRoute(device.spec, state, 'resuming', refused)
    }
  }

  async #listen(): Promise<void> {
    const {
      listen: address,
      tls,
      allInterfaces,
      listener: make = listen,
      onListening,
      onRefused,
    } = this.#options
    const listener = await make(address, {
      ...(tls === undefined ? {} : { tls }),
      ...(allInterfaces === undefined ? {} : { allInterfaces }),
    })
    this.#reception = new Reception(listener, {
      channels: this.#members.length,
      timeout: this.#times.connect,
      hello: (hello, connection) => this.#welcome(hello, connection),
      resume: (connection) => this.#engine?.adopt(connection),
      refused: (peer, error) => onRefused?.(peer, error),
    })
    this.#clock.enter('connect')
    onListening?.(listener.address)
  }

  /** Whether this engine takes part in the migration, decided before anything is touched. @throws why not */
  async #welcome(hello: MessageOf<'hello'>, connection: Connection): Promise<void> {
    const { journal: directory = defaultJournalDirectory(), memory, allowWithoutP2p = false } = this.#options
    if (this.#engine !== undefined || this.#work.signal.aborted)
      throw new VfioError('ERR_VFIO_BUSY', 'another migration is in progress here')
    this.#authorisation.check(
      connection.peer,
      hello.token,
      this.#members.map(({ device }) => device.spec),
    )
    if (hello.version !== engineVersion) {
      throw new VfioError(
        'ERR_VFIO_PROTOCOL',
        `this engine speaks version ${engineVersion} of the conversation, not ${hello.version}`,
      )
    }
    await this.#preflight(hello)
    if (hello.memory && memory === undefined) {
      throw new VfioError(
        'ERR_VFIO_INCOMPATIBLE',
        'the memory that the devices write is to be sent too, and nobody is here to take it',
      )
    }
    if (this.#members.length > 1 && hello.allowWithoutP2p && !allowWithoutP2p)
      checkPeerToPeer(this.#members, allowWithoutP2p)
    this.#authorisation.use(hello.token)
    const journal = await Journal.create(
      directory,
      'destination',
      hello.id,
      await journalFacts(this.#members, this.#options.listen, hello.key),
    )
    this.#id = hello.id
    this.#peer = connection.peer.address
    this.#withMemory = hello.memory
    this.#journal = journal
  }

  async #preflight({ devices }: MessageOf<'hello'>): Promise<void> {
    if (devices.length !== this.#members.length) {
      throw new VfioError(
        'ERR_VFIO_INCOMPATIBLE',
        `${devices.length} devices are to be sent, and ${this.#members.length} are here to take them`,
      )
    }
    for (const [index, offered] of devices.entries()) {
      const { device, migration } = this.#members[index] as Member
      checkCompatible(decodeProfile(offered.profile), await profileOf(device, migration), device.spec)
    }
  }

  async #receive(): Promise<ReceiveReport> {
    const reception = this.#reception as Reception
    let session: Awaited<ReturnType<Reception['session']>>
    try {
      session = await reception.session(this.#work.signal)
    } catch (cause) {
      throw await this.#failure(cause, 'refused')
    }
    const loads = new LoadSet(this.#members)
    this.#loads = loads
    const engine = new DestinationEngine({
      journal: this.#journal as Journal,
      first: beginDestination(),
      times: this.#times,
      record: this.#record,
      run: async () => {
        this.#clock.enter('resume')
        return loads.run()
      },
      reset: () => loads.reset(),
      ends: () => loads.ends(),
      onMessage: (message) => this.#hear(message),
      onState: (state) => {
        if (state === 'loaded') this.#clock.enter('commit')
        // The source gave up while this side was still at work.
        if (state === 'aborted') this.#giveUp(this.#causeOf(engine))
      },
      onLost: (reason) => {
        if (engine.state === 'receiving') this.#giveUp(reason)
      },
    })
    this.#engine = engine
    engine.adopt(session)
    let cause: unknown
    try {
      await engine.settled()
      await this.#load(engine, loads)
      await engine.dispatch({ kind: 'loaded' })
    } catch (error) {
      // A source that takes its devices back breaks off its data first, and says why when they are back.
      if (isLoss(error)) await engine.hearOut(this.#times.silence)
      cause = this.#work.signal.aborted ? this.#work.signal.reason : error
      this.#failedIn = this.#clock.phase
      engine.reason = troubleOf(cause)
      this.#giveUp(cause)
      await engine.dispatch({ kind: 'give-up' }).catch(() => {})
    }
    const { signal, confirmation, holdOn = false } = this.#options
    const state = await engine.outcome(signal, { confirmation, holdOn }).catch(() => engine.state)
    if (state === 'aborted') this.#failedIn ??= this.#clock.phase
    if (state === 'done' || state === 'running' || state === 'aborted') this.#clock.enter('finish')
    await engine.farewell()
    // Whoever takes it up again leads the devices on from where they are: no session may be in the way.
    if (state === 'loaded' || state === 'uncertain') await loads.leave()
    if (engine.failure === undefined && (state === 'done' || state === 'running'))
      return this.#report(engine, state)
    throw await this.#failure(cause ?? this.#causeOf(engine), outcomeOf(engine, state))
  }

  /** All data in, proved intact, accepted by the devices, which stand still. */
  async #load(engine: DestinationEngine, loads: LoadSet): Promise<void> {
    const { wiring = {}, memory, bufferSize, dataPath, maxChunk } = this.#options
    const { signal } = this.#work
    const reception = this.#reception as Reception
    this.#clock.enter('prepare')
    const sessions = await loads.start({
      ...(bufferSize === undefined ? {} : { bufferSize }),
      ...(dataPath === undefined ? {} : { dataPath }),
      ...(maxChunk === undefined ? {} : { maxChunk }),
    })
    const { channels, memoryChannel } = await this.#channels(reception)
    throwIfGivenUp(this.#work.signal)
    engine.send({ type: 'ready' })
    this.#clock.enter('load')
    const work = this.#members.map((member, index) =>
      receiveDevice(
        member,
        sessions[index] as LoadSession,
        channels[index] as BulkChannel,
        () => loads.settle(index),
        { wiring, maxChunk, signal },
      ),
    )
    if (memoryChannel !== undefined) work.push((memory as MemoryReceiver).receive(memoryChannel.fd, signal))
    // The first that fails frees the others, which wait for data that will never come.
    for (const one of work) {
      one.catch((error: unknown) => {
        if (!isLoss(error)) this.#giveUp(error)
      })
    }
    const ended = await Promise.allSettled(work)
    throwIfGivenUp(this.#work.signal)
    const failed = ended.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** The connections for the data. One that broke before it could say what it is for would be waited for in vain. */
  async #channels(
    reception: Reception,
  ): Promise<{ readonly channels: BulkChannel[]; readonly memoryChannel: BulkChannel | undefined }> {
    const { connect } = this.#times
    const timer = setTimeout(() => {
      const text = `the source has not made all connections for its data within ${connect} ms`
      this.#giveUp(new VfioError('ERR_VFIO_PEER_TIMEOUT', text))
    }, connect)
    try {
      const [memoryChannel, ...channels] = await Promise.all([
        this.#withMemory ? this.#channel(reception.channel('memory')) : undefined,
        ...this.#members.map((_, index) => this.#channel(reception.channel(index))),
      ])
      return { channels: channels as BulkChannel[], memoryChannel }
    } finally {
      clearTimeout(timer)
    }
  }

  /** A pump that is stuck in a connection is freed by losing it. */
  async #channel(coming: Promise<BulkChannel>): Promise<BulkChannel> {
    const { signal } = this.#work
    const channel = await unlessGivenUp(coming, signal)
    if (signal.aborted) channel.destroy()
    else signal.addEventListener('abort', () => channel.destroy(), { once: true })
    return channel
  }

  #hear(message: EngineMessage): void {
    if (message.type === 'initial' && message.device < this.#members.length) {
      this.#initial.set(message.device, message.bytes)
      this.#acknowledgeInitial()
    } else {
      this.#giveUp(
        new VfioError('ERR_VFIO_PROTOCOL', `the source said "${message.type}", which is not its to say here`),
      )
    }
  }

  /** Tells the source of each device that has taken in what was called its initial data. */
  #acknowledgeInitial(): void {
    const moved = this.#loads?.moved ?? []
    for (const [device, bytes] of this.#initial) {
      if ((moved[device]?.bytes ?? 0) < bytes) continue
      this.#initial.delete(device)
      this.#engine?.send({ type: 'initial-loaded', device, bytes })
    }
    if (this.#initial.size > 0 && !this.#work.signal.aborted)
      setTimeout(() => this.#acknowledgeInitial(), 10).unref()
  }

  #giveUp(reason: unknown): void {
    const state = this.#engine?.state
    // The copy is complete: only the protocol decides now.
    if (state !== undefined && state !== 'receiving' && state !== 'aborted') return
    if (!this.#work.signal.aborted) this.#work.abort(reason)
  }

  #causeOf(engine: DestinationEngine): unknown {
    if (engine.failure !== undefined) return engine.failure
    const { signal } = this.#options
    if (engine.state === 'loaded') {
      return new VfioError(
        'ERR_VFIO_OUTCOME_UNKNOWN',
        'the copy is complete and was not told what to become; it stays, stopped, until the source says or an operator decides',
        { cause: signal?.reason },
      )
    }
    if (engine.runError !== undefined) return engine.runError
    if (engine.peerTrouble !== undefined) return abortedByPeer(engine.peerTrouble)
    if (signal?.aborted) return new VfioAbortError(signal.reason)
    return new VfioError('ERR_VFIO_ABORTED_BY_PEER', 'the source gave up')
  }

  #report(engine: DestinationEngine, state: DestinationState): ReceiveReport {
    return receiveReport(this.#clock, {
      id: this.#id,
      from: this.#peer,
      members: this.#members,
      loads: this.#loads as LoadSet,
      ends: engine.ends ?? [],
      runMs: engine.runMs,
      confirmed: state === 'done',
    })
  }

  async #failure(cause: unknown, outcome: EngineOutcome): Promise<VfioEngineError> {
    const engine = this.#engine
    const phase: EnginePhase = this.#failedIn ?? this.#clock.phase ?? 'check'
    const ends = engine?.ends ?? (await Promise.all(this.#members.map((member) => endOf(member))))
    const error = new VfioEngineError({
      id: this.#id,
      side: 'destination',
      outcome,
      phase,
      devices: ends,
      peer: engine?.peerTrouble,
      cause,
    })
    this.#record.recorder?.fail(error)
    return error
  }
}

/** Whether data broke off, which says nothing about why. */
function isLoss(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'ERR_VFIO_STREAM_TRUNCATED' || code === 'ERR_VFIO_PEER_LOST' || code === 'ECONNRESET'
}

function outcomeOf(engine: DestinationEngine, state: DestinationState): EngineOutcome {
  if (engine.failure !== undefined) return 'stuck'
  if (state === 'loaded') return 'waiting'
  return state === 'uncertain' ? 'uncertain' : 'aborted'
}
