// SPDX-License-Identifier: MIT
import { type DestinationEvent, type DestinationState, destinationStep } from '../commit/destination.js'
import type { Journal } from '../commit/journal.js'
import { CommitParty } from '../commit/party.js'
import type { Step } from '../commit/step.js'
import type { RunOutcome } from '../coordinator/load-set.js'
import type { MemberEnd } from '../coordinator/member.js'
import type { Connection } from '../transport/index.js'
import { ControlLink } from './control-link.js'
import { type EngineMessage, type MessageOf, type PeerTrouble, printable, troubleOf } from './messages.js'
import { News } from './news.js'
import type { RunRecord } from './run-record.js'
import { linkTimes, type Times } from './times.js'

export interface DestinationEngineParts {
  readonly journal: Journal
  readonly first: Step<DestinationState>
  readonly times: Times
  /** Leads the devices to running. */
  readonly run: () => Promise<RunOutcome>
  /** Throws the copy away. What could not be reset is in the answer. */
  readonly reset: () => Promise<readonly MemberEnd[]>
  /** Where the devices are. */
  readonly ends: () => Promise<readonly MemberEnd[]>
  readonly record?: RunRecord
  readonly onMessage?: (message: EngineMessage) => void
  readonly onState?: (state: DestinationState) => void
  readonly onLost?: (reason: unknown) => void
}

/** The destination's part in the commit protocol: its journal, its reducer, and whichever connection the source has last made. */
export class DestinationEngine {
  readonly #parts: DestinationEngineParts
  readonly #party: CommitParty<DestinationState, DestinationEvent>
  readonly #news = new News()
  #link: ControlLink | undefined
  #ends: readonly MemberEnd[] | undefined
  #trouble: PeerTrouble | undefined
  #runMs: number | undefined
  #syncMs: number | undefined
  #runError: unknown
  // Said over a connection that the source then closed: it had nothing more to ask.
  #saidAborted = false
  #toldAborted = false
  #over = false
  /** Why this side gives up, for the other. */
  reason: PeerTrouble | undefined

  constructor(parts: DestinationEngineParts) {
    this.#parts = parts
    parts.record?.follow(parts.journal)
    this.#party = new CommitParty<DestinationState, DestinationEvent>(
      parts.journal,
      parts.first,
      destinationStep,
      {
        send: (word) => this.#say(word),
        run: async () => {
          this.#syncMs = parts.journal.lastSyncMs
          const began = performance.now()
          const outcome = await parts.run()
          this.#runMs = performance.now() - began
          this.#ends = await parts.ends()
          if (outcome.ran) return { kind: 'ran' }
          this.#runError = outcome.error
          this.reason ??= troubleOf(outcome.error)
          return { kind: 'run-failed', mayHaveRun: outcome.mayHaveRun }
        },
        reset: async () => {
          this.#ends = await parts.reset()
        },
        release: async () => {},
      },
      (state) => {
        parts.onState?.(state)
        this.#news.tell()
      },
    )
  }

  get state(): DestinationState {
    return this.#party.state
  }

  get failure(): unknown {
    return this.#party.failure
  }

  get ends(): readonly MemberEnd[] | undefined {
    return this.#ends
  }

  /** Why the source gave up, in its words. */
  get peerTrouble(): PeerTrouble | undefined {
    return this.#trouble
  }

  /** Why the devices did not run. */
  get runError(): unknown {
    return this.#runError
  }

  /** Whether the source has heard how it ended. */
  get confirmed(): boolean {
    return this.state === 'done' || (this.state === 'aborted' && this.#toldAborted)
  }

  get runMs(): number | undefined {
    return this.#runMs
  }

  settled(): Promise<void> {
    return this.#party.settled()
  }

  async dispatch(event: DestinationEvent): Promise<DestinationState> {
    try {
      return await this.#party.dispatch(event)
    } finally {
      this.#news.tell()
    }
  }

  send(message: EngineMessage): void {
    this.#link?.send(message)
  }

  /** Waits for the source to give up, or to be lost, for so many milliseconds at most. */
  async hearOut(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds
    while (this.state === 'receiving' && this.#link?.alive && performance.now() < until)
      await this.#news.wait(until - performance.now())
  }

  /** Speaks over this connection from now on; the one before is given up. Too late, it is closed: nobody would ever say anything over it. */
  adopt(connection: Connection): void {
    if (this.#over) {
      connection.destroy()
      return
    }
    const before = this.#link
    const link = new ControlLink(connection, linkTimes(this.#parts.times), {
      passed: (direction, message, bytes) => this.#parts.record?.message(direction, message, bytes),
      message: (message) => this.#hear(message),
      lost: (reason, inOrder) => {
        if (this.#link !== link) return
        this.#toldAborted ||= this.#saidAborted && inOrder
        this.#parts.onLost?.(reason)
        this.#news.tell()
      },
    })
    this.#link = link
    void before?.close()
    this.#news.tell()
  }

  #hear(message: EngineMessage): void {
    if (message.type !== 'word') {
      this.#parts.onMessage?.(message)
      return
    }
    if (message.word === 'abort') this.#trouble ??= message.trouble
    this.dispatch({ kind: 'message', message: message.word }).catch(() => {})
  }

  #say(word: MessageOf<'word'>['word']): void {
    const devices = this.#ends?.map(({ device, state, error }) => ({
      device: printable(device, 1024),
      state,
      ...(error === undefined ? {} : { error: printable(error, 1024) }),
    }))
    this.#saidAborted ||= word === 'aborted' && this.#link?.alive === true
    this.#link?.send({
      type: 'word',
      word,
      ...(devices === undefined ? {} : { devices }),
      ...(word === 'aborted' && this.reason !== undefined ? { trouble: this.reason } : {}),
      ...(word === 'running' && this.#runMs !== undefined ? { runMs: this.#runMs } : {}),
      ...(word === 'running' && this.#syncMs !== undefined ? { syncMs: this.#syncMs } : {}),
    })
  }

  /**
   * Waits until there is nothing more to decide. A complete copy is kept as long as it takes: a signal ends that only if somebody meant it,
   * which a time-out did not.
   * @param options.confirmation how long a running destination waits for the source's last word, in milliseconds
   * @param options.tellAborted whether a copy that was given up waits as long for a source to tell it to
   * @param options.holdOn whether a time-out means nothing to a complete copy
   */
  async outcome(
    signal?: AbortSignal,
    {
      confirmation = Number.POSITIVE_INFINITY,
      tellAborted = false,
      holdOn = false,
    }: { confirmation?: number | undefined; tellAborted?: boolean; holdOn?: boolean } = {},
  ): Promise<DestinationState> {
    const { repeat } = this.#parts.times
    const wake = (): void => this.#news.tell()
    signal?.addEventListener('abort', wake, { once: true })
    let decidedAt: number | undefined
    try {
      for (;;) {
        await this.settled()
        const { state } = this
        if (state === 'done' || state === 'uncertain') return state
        if (state === 'aborted' && (!tellAborted || this.#toldAborted)) return state
        if (state === 'running' || state === 'aborted') {
          decidedAt ??= performance.now()
          if (signal?.aborted || performance.now() - decidedAt > confirmation) return state
        }
        if (signal?.aborted && state === 'loaded' && !(holdOn && isTimeout(signal.reason))) {
          if (isTimeout(signal.reason)) return state
          await this.dispatch({ kind: 'operator-abort' })
          continue
        }
        if (signal?.aborted && state === 'receiving') await this.dispatch({ kind: 'give-up' })
        else if (!(await this.#news.wait(repeat)) && state !== 'receiving')
          await this.dispatch({ kind: 'silence' })
      }
    } finally {
      signal?.removeEventListener('abort', wake)
    }
  }

  /** Keeps answering for a while when the source may not have heard the end; then lets go of connection and journal. */
  async farewell(): Promise<void> {
    const until = performance.now() + this.#parts.times.farewell
    // A source that has heard it closes the connection. One that was told that the copy is complete may be waiting for this word, and comes back.
    const { records } = this.#parts.journal
    const awaited = (): boolean =>
      this.#link?.alive === true || (records.includes('loaded') && !this.#toldAborted)
    while (this.state === 'aborted' && awaited() && this.failure === undefined && performance.now() < until) {
      if (!(await this.#news.wait(Math.min(this.#parts.times.repeat, until - performance.now()))))
        await this.dispatch({ kind: 'silence' }).catch(() => {})
    }
    this.#over = true
    await this.#link?.close()
    await this.#parts.journal.close()
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}
