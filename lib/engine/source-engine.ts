// SPDX-License-Identifier: MIT
import type { Journal } from '../commit/journal.js'
import { CommitParty } from '../commit/party.js'
import { type SourceEvent, type SourceState, sourceStep } from '../commit/source.js'
import type { Step } from '../commit/step.js'
import type { MemberEnd } from '../coordinator/member.js'
import type { Connection } from '../transport/index.js'
import { ControlLink } from './control-link.js'
import type { EngineMessage, MessageOf, PeerTrouble } from './messages.js'
import { News } from './news.js'
import type { RunRecord } from './run-record.js'
import { linkTimes, type Times } from './times.js'

export interface SourceEngineParts {
  readonly journal: Journal
  /** Where it begins: a new migration, or one that is taken up again. */
  readonly first: Step<SourceState>
  readonly times: Times
  /** Leads the devices back. What could not be led is in the answer. */
  readonly runAgain: () => Promise<readonly MemberEnd[]>
  /** Lets go of the devices. */
  readonly release: () => Promise<readonly MemberEnd[]>
  /** Makes the control connection again, greeted. */
  readonly redial: (signal: AbortSignal) => Promise<Connection>
  readonly record?: RunRecord
  /** Everything that is no word of the commit protocol. */
  readonly onMessage?: (message: EngineMessage) => void
  readonly onState?: (state: SourceState) => void
  /** A control connection was lost. */
  readonly onLost?: (reason: unknown) => void
}

/** When the words that bound the downtime were spoken, on the `performance.now()` clock. */
export interface CommitMoments {
  loadedAt?: number
  committedAt?: number
  /** How long the record of the commit took to be on disk, in milliseconds. */
  commitSyncMs?: number
  runningAt?: number
  /** As the destination measured them, in milliseconds. */
  peerRunMs?: number | undefined
  peerSyncMs?: number | undefined
}

/** The source's part in the commit protocol: its journal, its reducer, and a connection that is made again when it is lost. */
export class SourceEngine {
  readonly moments: CommitMoments = {}
  readonly #parts: SourceEngineParts
  readonly #party: CommitParty<SourceState, SourceEvent>
  readonly #news = new News()
  #link: ControlLink | undefined
  #greeted = false
  #lostAt: number | undefined
  #answered = false
  #ends: readonly MemberEnd[] | undefined
  #trouble: PeerTrouble | undefined
  #peerDevices: MessageOf<'word'>['devices']
  /** Why this side gives up, for the other. */
  reason: PeerTrouble | undefined

  constructor(parts: SourceEngineParts) {
    this.#parts = parts
    parts.record?.follow(parts.journal)
    this.#party = new CommitParty<SourceState, SourceEvent>(
      parts.journal,
      parts.first,
      sourceStep,
      {
        send: (word) => {
          if (word === 'commit' && this.moments.committedAt === undefined) {
            this.moments.committedAt = performance.now()
            this.moments.commitSyncMs = parts.journal.lastSyncMs
          }
          const trouble = word === 'abort' ? this.reason : undefined
          this.#link?.send({ type: 'word', word, ...(trouble === undefined ? {} : { trouble }) })
        },
        run: async () => {
          this.#ends = await parts.runAgain()
          // What runs, runs, whatever could not be asked on the way.
          const back = this.#ends.every(
            ({ state, recovery, error }) =>
              state === 'running' || (recovery?.ok !== false && error === undefined),
          )
          return back ? 'done' : { kind: 'run-failed' }
        },
        reset: async () => {},
        release: async () => {
          this.#ends = await parts.release()
        },
      },
      (state) => {
        parts.onState?.(state)
        this.#news.tell()
      },
    )
  }

  get state(): SourceState {
    return this.#party.state
  }

  /** Why the journal failed, if it did. */
  get failure(): unknown {
    return this.#party.failure
  }

  /** Where the devices ended, once they were led back or let go. */
  get ends(): readonly MemberEnd[] | undefined {
    return this.#ends
  }

  get peerTrouble(): PeerTrouble | undefined {
    return this.#trouble
  }

  get peerDevices(): MessageOf<'word'>['devices'] {
    return this.#peerDevices
  }

  /** Until what it began with is carried out. @throws {VfioError} `ERR_VFIO_JOURNAL` */
  settled(): Promise<void> {
    return this.#party.settled()
  }

  /** The devices are stopped and everything is sent. That it is loaded may have been heard before this. */
  async stopped(): Promise<void> {
    await this.dispatch({ kind: 'stopped' })
    if (this.moments.loadedAt !== undefined) await this.dispatch({ kind: 'message', message: 'loaded' })
  }

  dispatch(event: SourceEvent): Promise<SourceState> {
    return this.#party.dispatch(event)
  }

  send(message: EngineMessage): void {
    this.#link?.send(message)
  }

  /** Waits for the destination to say why it broke off, or to be lost, for so many milliseconds at most. */
  async hearOut(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds
    while (this.#trouble === undefined && this.#link?.alive && performance.now() < until)
      await this.#news.wait(until - performance.now())
  }

  /** Speaks over this connection from now on, which has been greeted. */
  adopt(connection: Connection): void {
    this.#greeted = true
    this.#lostAt = undefined
    this.#link = new ControlLink(connection, linkTimes(this.#parts.times), {
      passed: (direction, message, bytes) => this.#parts.record?.message(direction, message, bytes),
      message: (message) => this.#hear(message),
      lost: (reason) => {
        this.#lostAt = performance.now()
        this.#parts.onLost?.(reason)
        this.#news.tell()
      },
    })
  }

  #hear(message: EngineMessage): void {
    if (message.type !== 'word') {
      this.#parts.onMessage?.(message)
      return
    }
    const { word, trouble, devices } = message
    if (word === 'loaded') this.moments.loadedAt ??= performance.now()
    if (word === 'running') {
      this.moments.runningAt ??= performance.now()
      this.moments.peerRunMs ??= message.runMs
      this.moments.peerSyncMs ??= message.syncMs
    }
    if (word === 'aborted') this.#answered = true
    this.#trouble ??= trouble
    this.#peerDevices = devices ?? this.#peerDevices
    // A journal that failed is found by whoever waits for the outcome.
    this.dispatch({ kind: 'message', message: word }).then(
      () => this.#news.tell(),
      () => this.#news.tell(),
    )
  }

  /**
   * Waits for the outcome, says again what was not answered, and makes the connection again as often as it takes. A signal gives up what may
   * be given up, and ends the waiting for what may not.
   * @param options.patience how long to wait once it is committed, in milliseconds
   * @param options.holdOn whether the signal means nothing once it is committed
   */
  async outcome(
    signal?: AbortSignal,
    {
      patience = Number.POSITIVE_INFINITY,
      holdOn = false,
    }: { patience?: number | undefined; holdOn?: boolean } = {},
  ): Promise<SourceState> {
    const { repeat, silence } = this.#parts.times
    const wake = (): void => this.#news.tell()
    signal?.addEventListener('abort', wake, { once: true })
    const began = performance.now()
    try {
      for (;;) {
        await this.settled()
        const { state } = this
        if (state !== 'copying' && state !== 'waiting' && state !== 'committed' && state !== 'lost-committed')
          return state
        const committed = state === 'committed' || state === 'lost-committed'
        if (signal?.aborted && !(committed && holdOn)) {
          if (committed) return state
          await this.dispatch({ kind: 'give-up' })
          continue
        }
        if (committed && performance.now() - began > patience) return state
        if (!this.#link?.alive) await this.#redial(committed && holdOn ? undefined : signal)
        if (await this.#news.wait(repeat)) continue
        const lostFor = this.#lostAt === undefined ? 0 : performance.now() - this.#lostAt
        if (committed || lostFor > silence) await this.dispatch({ kind: 'silence' })
      }
    } finally {
      signal?.removeEventListener('abort', wake)
    }
  }

  /**
   * Tells the other side of the end, for as long as the times allow, and lets go of connection and journal.
   * @param anew also when there was no connection yet: this engine has come back after a crash
   * @returns whether the other side has heard it
   */
  async farewell(anew = false): Promise<boolean> {
    const until = performance.now() + this.#parts.times.farewell
    const { state } = this
    if (anew) this.#greeted = state === 'aborted' || state === 'done'
    let wasThere = this.#link?.alive === true
    const told = (): boolean => {
      if (state === 'aborted') return this.#answered
      // It closes the connection when it has.
      return state !== 'done' || (wasThere && !this.#link?.alive)
    }
    while (this.#greeted && this.failure === undefined && !told() && performance.now() < until) {
      if (!this.#link?.alive) await this.#redial()
      wasThere ||= this.#link?.alive === true
      if (!(await this.#news.wait(Math.min(this.#parts.times.repeat, until - performance.now()))))
        await this.dispatch({ kind: 'silence' }).catch(() => {})
    }
    const heard = told()
    await this.#link?.close()
    await this.#parts.journal.close()
    return heard
  }

  async #redial(signal?: AbortSignal): Promise<void> {
    const { connect } = this.#parts.times
    const limit = AbortSignal.timeout(connect)
    try {
      this.adopt(await this.#parts.redial(signal === undefined ? limit : AbortSignal.any([signal, limit])))
      // What was said before may never have arrived.
      if (this.state !== 'copying' && this.state !== 'waiting') await this.dispatch({ kind: 'silence' })
    } catch {
      // Nobody is there, for now.
      this.#lostAt ??= performance.now()
    }
  }
}
