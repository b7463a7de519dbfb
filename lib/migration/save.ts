// SPDX-License-Identifier: MIT
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DataSource, Pumped, Turn } from '../device/data-source.js'
import { type Recovery, VfioAbortError, VfioError } from '../errors/index.js'
import type { FrameWriter } from '../stream/frame-writer.js'
import type { Chunk, Moved } from './chunk.js'
import { Load } from './load.js'
import type { LoadSession } from './load-session.js'
import type { Protocol, SaveLane } from './protocol.js'
import { recover } from './recovery.js'
import type { SaveOptions, SaveSession, SwitchoverPolicy } from './save-session.js'
import type { MigrationState } from './state.js'

/** After how many borrowed chunks the event loop gets a turn: the finalizers of their ArrayBuffers run nowhere else. */
const CHUNKS_PER_TURN = 64

// Pauses between two questions to a drained device, in milliseconds. Each question is a firmware command on some.
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 250

/** How often a device in stop-copy may say "nothing for now", which the uAPI does not allow, before it is not believed. */
const MAX_DRAINED_IN_STOP_COPY = 20

const PRE_COPY_TIMEOUT = 120_000
const LONGEST_TIMER = 2 ** 31 - 1

type Progress = Turn['progress']

export interface SaveStart {
  readonly protocol: Protocol
  readonly lane: SaveLane
  readonly phase: 'pre-copy' | 'stop-copy'
  /** Where a rollback leads. */
  readonly previous: MigrationState
  readonly startedAt: number
  readonly stoppedAt: number | undefined
  readonly options: SaveOptions
  /** Gives the device free for the next operation. */
  readonly release: () => void
}

/** The one implementation of a save, for both protocols. */
export class Save implements SaveSession {
  readonly #protocol: Protocol
  readonly #lane: SaveLane
  readonly #previous: MigrationState
  readonly #startedAt: number
  readonly #options: SaveOptions
  readonly #policy: SwitchoverPolicy
  readonly #release: () => void
  #phase: 'pre-copy' | 'stop-copy' | 'ended'
  #stoppedAt: number | undefined
  #switchedAt: number | undefined
  #preCopied: Moved | undefined
  #last: Moved | undefined

  // Who reads: at most one consumer, whose native call in progress is #step. #lent: the iteration's borrowed chunk is still out.
  #claimed = false
  #step: Promise<unknown> | undefined
  #lent = false
  #stream: Readable | undefined

  #round = 0
  #bytesAtDrain = 0
  #pause = FIRST_PAUSE
  #drainedInStopCopy = 0
  #timer: NodeJS.Timeout | undefined

  // The switchover: wanted, then in progress or done.
  #wanted = false
  #switching: Promise<void> | undefined
  #wake: () => void = () => {}
  readonly #waiting: (() => void)[] = []

  // The end: why, and how far it got.
  #reason: unknown
  #over = false
  #ending: Promise<void> | undefined
  #disposing: Promise<void> | undefined
  #recovery: Recovery | undefined

  constructor(start: SaveStart) {
    this.#protocol = start.protocol
    this.#lane = start.lane
    this.#phase = start.phase
    this.#previous = start.previous
    this.#startedAt = start.startedAt
    this.#stoppedAt = start.stoppedAt
    this.#options = start.options
    this.#policy = start.options.switchover ?? (() => 'switch')
    this.#release = start.release
    if (start.phase === 'stop-copy') {
      this.#preCopied = { bytes: 0, chunks: 0 }
      this.#switchedAt = performance.now()
    } else this.#limitPreCopy(start.options.preCopyTimeout ?? PRE_COPY_TIMEOUT)
    start.options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (start.options.signal?.aborted) this.#onAbort()
  }

  get protocol(): 'v1' | 'v2' {
    return this.#protocol.name
  }

  get phase(): 'pre-copy' | 'stop-copy' | 'ended' {
    return this.#phase
  }

  get stoppedAt(): number | undefined {
    return this.#stoppedAt
  }

  get switchedAt(): number | undefined {
    return this.#switchedAt
  }

  get preCopied(): Moved | undefined {
    return this.#preCopied
  }

  get recovery(): Recovery | undefined {
    return this.#recovery
  }

  get moved(): Moved {
    return this.#last ?? movedBy(this.#lane.source)
  }

  async *#chunks(): AsyncGenerator<Chunk, void, undefined> {
    const { source } = this.#lane
    try {
      for (let turns = 1; ; turns++) {
        if (turns % CHUNKS_PER_TURN === 0) await nextTurn()
        let phase: Chunk['phase'] = 'stop-copy'
        const turn = await this.#advance(() => {
          // As the read begins: the device may be switched while it is on its way.
          phase = this.#phase === 'pre-copy' ? 'pre-copy' : 'stop-copy'
          return source.next()
        }, 'lends')
        if (turn.progress === 'end' || turn.data === null) return
        yield { data: new Uint8Array(turn.data), phase }
      }
    } finally {
      this.#lent = false
      if (this.#over) await this.#dispose()
      else source.release()
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    this.#claim()
    return this.#chunks()
  }

  readable(): Readable {
    this.#claim()
    const { source } = this.#lane
    const stream = new Readable({
      highWaterMark: this.#options.bufferSize ?? 2 ** 20,
      read: () => {
        this.#advance(() => source.nextOwned()).then(
          ({ progress, data }) => stream.push(progress === 'end' || data === null ? null : Buffer.from(data)),
          (error: Error) => stream.destroy(error),
        )
      },
      destroy: (error, callback) => {
        if (this.#phase === 'ended' && error === null) callback(null)
        else
          this.close().then(
            () => callback(error),
            (failure: Error) => callback(error ?? failure),
          )
      },
    })
    this.#stream = stream
    return stream
  }

  pipeTo(fd: number): Promise<Moved> {
    return this.#pump(() => this.#lane.source.pumpToFd(fd))
  }

  pipeToFrames(writer: FrameWriter, section: number): Promise<Moved> {
    return this.#pump(() => this.#lane.source.pumpToFrames(writer.native, section))
  }

  async pipeInto(load: LoadSession): Promise<Moved> {
    if (load.protocol !== this.protocol) {
      throw new VfioError(
        'ERR_VFIO_INCOMPATIBLE',
        `a ${this.protocol} save cannot be loaded by ${load.protocol}`,
        {
          device: this.#protocol.device,
        },
      )
    }
    const { source } = this.#lane
    if (load instanceof Load) return this.#pump(() => load.receive((sink) => source.pumpToSink(sink)))
    for await (const { data } of this) await load.write(data)
    return this.moved
  }

  async #pump(pump: () => Promise<Pumped>): Promise<Moved> {
    this.#claim()
    while ((await this.#advance(pump)).progress !== 'end') {
      // `bytes`: the pump was paused at a chunk border for the switchover, which #advance makes before it goes on.
    }
    return this.moved
  }

  #claim(): void {
    this.#checkOpen()
    if (this.#claimed) {
      throw new VfioError('ERR_VFIO_BUSY', 'the save is being read, or was, and it is read once', {
        device: this.#protocol.device,
      })
    }
    this.#claimed = true
  }

  #checkOpen(): void {
    if (this.#reason !== undefined) throw this.#reason
    if (this.#over) throw this.#endedError()
  }

  #endedError(): VfioError {
    return new VfioError('ERR_VFIO_SESSION_ENDED', 'the save is over', { device: this.#protocol.device })
  }

  /** One step of the loop that every consumer shares: until bytes came or the data has ended. A failure ends the session. */
  async #advance<T extends { readonly progress: Progress }>(
    step: () => Promise<T>,
    kind?: 'lends',
  ): Promise<T> {
    try {
      for (;;) {
        this.#checkOpen()
        this.#lent = false
        if (this.#wanted) await this.#toStopCopy()
        else if (this.#switching && this.#protocol.roundsAreWhole) await this.#switching
        const running = step()
        this.#step = running
        const turn = await running.finally(() => {
          this.#step = undefined
        })
        this.#checkOpen()
        if (turn.progress === 'end') {
          // v2 decides the end from the state before the read, so it is one even if the switch is not back yet.
          await this.#switching
          this.#phase = 'ended'
          this.#disarm()
          return turn
        }
        if (turn.progress === 'bytes') {
          this.#drainedInStopCopy = 0
          if (kind === 'lends') this.#lent = true
          else if (this.#wanted) await this.#toStopCopy()
          return turn
        }
        await this.#drained()
      }
    } catch (error) {
      throw await this.#fail(error)
    }
  }

  async #drained(): Promise<void> {
    if (this.#switching) await this.#switching
    if (this.#phase !== 'pre-copy') return this.#drainedAfterSwitch()
    this.#round++
    const { bytes } = this.moved
    this.#pause = bytes > this.#bytesAtDrain ? FIRST_PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE)
    this.#bytesAtDrain = bytes
    const estimates = await this.#lane.estimates()
    this.#checkOpen()
    const woken = this.#sleep()
    if (this.#phase !== 'pre-copy' || this.#wanted || this.#switching) return
    const elapsedMs = performance.now() - this.#startedAt
    const answer = this.#policy({ round: this.#round, bytes, elapsedMs, ...estimates })
    const decision = await Promise.race([answer, woken])
    this.#checkOpen()
    if (decision === undefined || this.#wanted || this.#switching) return
    if (decision === 'switch') return this.#toStopCopy()
    const pause = setTimeout(this.#wake, this.#pause)
    await woken
    clearTimeout(pause)
  }

  // The read was sampled before the switch took place, or the device breaks the rule that stop-copy has no "nothing for now".
  async #drainedAfterSwitch(): Promise<void> {
    if (++this.#drainedInStopCopy > MAX_DRAINED_IN_STOP_COPY) {
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        'the device has neither data nor an end of data in stop-copy',
        {
          device: this.#protocol.device,
        },
      )
    }
    const woken = this.#sleep()
    const pause = setTimeout(this.#wake, this.#drainedInStopCopy)
    await woken
    clearTimeout(pause)
  }

  /** Resolves at the next #wake: a pause that is over, a switchover, the end of the session. */
  #sleep(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined)
    })
  }

  #limitPreCopy(milliseconds: number): void {
    // A longer timer of Node's fires at once.
    if (milliseconds > LONGEST_TIMER) return
    this.#timer = setTimeout(() => {
      // A failure has ended the session, and its consumer learns of it.
      this.switchover().catch(() => {})
    }, milliseconds)
    this.#timer.unref()
  }

  async switchover(): Promise<void> {
    if (this.#phase === 'ended' || (this.#phase === 'stop-copy' && this.#switching === undefined)) return
    this.#checkOpen()
    try {
      if (!this.#protocol.roundsAreWhole || (this.#step === undefined && !this.#lent)) {
        await this.#toStopCopy()
        return
      }
      this.#wanted = true
      if (this.#step === undefined) return
      this.#lane.source.pause()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
      await this.#switching
      this.#checkOpen()
    } catch (error) {
      throw await this.#fail(error)
    }
  }

  #toStopCopy(): Promise<void> {
    this.#switching ??= (async () => {
      clearTimeout(this.#timer)
      await this.#protocol.acknowledge()
      this.#stoppedAt = performance.now()
      await this.#protocol.lead('stop-copy')
      this.#switchedAt = performance.now()
      this.#preCopied = this.moved
      if (this.#phase === 'pre-copy') this.#phase = 'stop-copy'
    })().finally(() => {
      this.#wanted = false
      this.#notify()
    })
    return this.#switching
  }

  #notify(): void {
    this.#wake()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async complete(): Promise<void> {
    this.#checkOpen()
    if (this.#phase !== 'ended') {
      throw new VfioError(
        'ERR_VFIO_BUSY',
        'the save has data left: read it to its end, or close the session',
        {
          device: this.#protocol.device,
        },
      )
    }
    this.#over = true
    this.#disarm()
    const ending = (async () => {
      try {
        await this.#protocol.lead('stop')
      } finally {
        await this.#dispose()
        this.#release()
      }
    })()
    // close() waits for the end, and leaves its failure to whoever asked for it.
    this.#ending = ending.catch(() => {})
    await ending
  }

  async close(): Promise<void> {
    const first = !this.#over
    await this.#end()
    await this.#dispose()
    if (first && this.#recovery?.ok === false) {
      const error = new VfioError('ERR_VFIO_TRANSITION', `rolling back: ${this.#recovery.message}`, {
        device: this.#protocol.device,
      })
      error.recovery = this.#recovery
      throw error
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  readonly #onAbort = (): void => {
    this.#reason ??= new VfioAbortError(this.#options.signal?.reason)
    void this.#end()
  }

  /** Ends the session for `error`; resolves with the error that the caller is to see. */
  async #fail(error: unknown): Promise<unknown> {
    if (!this.#over) this.#reason ??= error
    await this.#end()
    return this.#reason ?? this.#endedError()
  }

  #end(): Promise<void> {
    this.#over = true
    this.#ending ??= this.#rollBack()
    return this.#ending
  }

  async #rollBack(): Promise<void> {
    this.#disarm()
    this.#notify()
    this.#lane.source.cancel()
    // The device is led back only when nobody uses it any more.
    await this.#step?.catch(() => {})
    await this.#switching?.catch(() => {})
    this.#recovery = await recover(this.#protocol, this.#options.recovery ?? 'previous', this.#previous)
    if (this.#reason instanceof VfioError) this.#reason.recovery ??= this.#recovery
    try {
      // A chunk that is lent stays attached until its holder comes back for the next one, or closes the session.
      if (!this.#lent) await this.#dispose()
    } finally {
      this.#release()
      this.#stream?.destroy(this.#reason instanceof Error ? this.#reason : undefined)
    }
  }

  #disarm(): void {
    clearTimeout(this.#timer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }

  #dispose(): Promise<void> {
    this.#disposing ??= (async () => {
      this.#last = movedBy(this.#lane.source)
      await this.#lane.close()
    })()
    return this.#disposing
  }
}

function movedBy(source: DataSource): Moved {
  const { bytes, chunks } = source.counters
  return { bytes, chunks }
}
