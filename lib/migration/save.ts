// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DataSource, Pumped, Turn } from '../device/data-source.js'
import { RateLimit } from '../device/rate-limit.js'
import { type Recovery, VfioError } from '../errors/index.js'
import type { FrameWriter } from '../stream/frame-writer.js'
import type { Chunk, Moved } from './chunk.js'
import { lendChunk } from './lent-chunk.js'
import { Load } from './load.js'
import type { LoadSession } from './load-session.js'
import { PreCopyRounds } from './pre-copy-rounds.js'
import { NO_ESTIMATES, type Protocol, type SaveLane } from './protocol.js'
import { readableOf } from './readable.js'
import { SaveEnding } from './save-ending.js'
import type { SaveOptions, SaveSession } from './save-session.js'
import type { MigrationState } from './state.js'
import type { Switchover } from './switchover.js'

/** After how many borrowed chunks the event loop gets a turn: the finalizers of their ArrayBuffers run nowhere else. */
const CHUNKS_PER_TURN = 64

const PRE_COPY_TIMEOUT = 120_000
const LONGEST_TIMER = 2 ** 31 - 1

type Progress = Turn['progress']

export interface SaveStart {
  readonly protocol: Protocol
  readonly lane: SaveLane
  /** Done already in a save that begins in stop-copy. */
  readonly switchover: Switchover
  readonly phase: 'pre-copy' | 'stop-copy'
  /** Where a rollback leads. */
  readonly previous: MigrationState
  readonly startedAt: number
  readonly options: SaveOptions
  /** Gives the device free for the next operation. */
  readonly release: () => void
}

/** The one implementation of a save, for both protocols: who reads, and when the device is switched meanwhile. */
export class Save implements SaveSession {
  readonly #protocol: Protocol
  readonly #lane: SaveLane
  readonly #options: SaveOptions
  readonly #rounds: PreCopyRounds
  readonly #ending: SaveEnding
  readonly #switchover: Switchover
  readonly #preCopyLimit: RateLimit | undefined
  readonly #limit: RateLimit | undefined
  #phase: 'pre-copy' | 'stop-copy' | 'ended'
  #preCopied: Moved | undefined
  #last: Moved | undefined

  // Who reads: at most one consumer, whose native call in progress is #step. #lent: the iteration's borrowed chunk is still out.
  #claimed = false
  #step: Promise<unknown> | undefined
  #lent = false
  #stream: Readable | undefined
  #disposing: Promise<void> | undefined

  // The switchover: wanted, then in progress or done.
  #wanted = false
  #switching: Promise<void> | undefined
  readonly #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  // Who asks the policy: at a drained point the consumer, in between a timer. One at a time.
  #switchReason: string | undefined
  #asking: Promise<void> | undefined
  #atDrain = false
  #ticker: NodeJS.Timeout | undefined

  constructor(start: SaveStart) {
    const { protocol, lane, options, phase } = start
    this.#protocol = protocol
    this.#lane = lane
    this.#phase = phase
    this.#options = options
    this.#switchover = start.switchover
    this.#rounds = new PreCopyRounds({
      device: protocol.device,
      policy: options.switchover ?? (() => 'switch'),
      startedAt: start.startedAt,
      stopCopySize: () => protocol.stopCopySize(),
    })
    this.#ending = new SaveEnding({
      ...start,
      quieten: () => this.#quieten(),
      dispose: () => this.#dispose(),
      lent: () => this.#lent,
      rolledBack: (reason) => this.#stream?.destroy(reason instanceof Error ? reason : undefined),
    })
    if (options.bandwidthLimit !== undefined && phase === 'pre-copy') {
      this.#preCopyLimit = new RateLimit(options.bandwidthLimit)
    }
    this.#limit = options.rateLimit ?? this.#preCopyLimit
    if (phase === 'stop-copy') this.#preCopied = { bytes: 0, chunks: 0 }
    else {
      this.#limitPreCopy(options.preCopyTimeout ?? PRE_COPY_TIMEOUT)
      this.#askWhileReading(options.switchoverInterval)
    }
    this.#ending.followSignal()
  }

  get protocol(): 'v1' | 'v2' {
    return this.#protocol.name
  }

  get phase(): 'pre-copy' | 'stop-copy' | 'ended' {
    return this.#phase
  }

  get quiescedAt(): number | undefined {
    return this.#switchover.quiescedAt
  }

  get stoppedAt(): number | undefined {
    return this.#switchover.stoppedAt
  }

  get switchedAt(): number | undefined {
    return this.#switchover.switchedAt
  }

  get preCopied(): Moved | undefined {
    return this.#preCopied
  }

  get rounds(): number {
    return this.#rounds.count
  }

  get switchReason(): string | undefined {
    return this.#switchReason ?? this.#rounds.reason
  }

  get recovery(): Recovery | undefined {
    return this.#ending.recovery
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
          // A device in stop-copy stays there, and has no more to say than it had.
          return source.next(this.#phase === 'stop-copy')
        }, 'lends')
        if (turn.progress === 'end' || turn.data === null) return
        yield lendChunk(source, { data: new Uint8Array(turn.data), phase })
      }
    } finally {
      this.#lent = false
      if (this.#ending.over) await this.#dispose()
      else source.release()
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    this.#claim()
    return this.#chunks()
  }

  readable(): Readable {
    this.#claim()
    this.#stream = readableOf({
      highWaterMark: this.#options.bufferSize ?? 2 ** 20,
      next: () => this.#advance(() => this.#lane.source.nextOwned()),
      ended: () => this.#phase === 'ended',
      close: () => this.close(),
    })
    return this.#stream
  }

  pipeTo(fd: number): Promise<Moved> {
    return this.#pump(() => this.#lane.source.pumpToFd(fd, this.#limit))
  }

  pipeToFrames(writer: FrameWriter, section: number): Promise<Moved> {
    return this.#pump(() => this.#lane.source.pumpToFrames(writer.native, section, this.#limit))
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
    if (load instanceof Load)
      return this.#pump(() => load.receive((sink) => source.pumpToSink(sink, this.#limit)))
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
    this.#ending.checkOpen()
    if (this.#claimed) {
      throw new VfioError('ERR_VFIO_BUSY', 'the save is being read, or was, and it is read once', {
        device: this.#protocol.device,
      })
    }
    this.#claimed = true
  }

  /** One step of the loop that every consumer shares: until bytes came or the data has ended. A failure ends the session. */
  async #advance<T extends { readonly progress: Progress }>(
    step: () => Promise<T>,
    kind?: 'lends',
  ): Promise<T> {
    try {
      for (;;) {
        this.#ending.checkOpen()
        this.#lent = false
        if (this.#wanted) await this.#toStopCopy()
        else if (this.#switching && this.#protocol.roundsAreWhole) await this.#switching
        if (this.#phase === 'pre-copy') this.#rounds.reading(this.moved.bytes)
        const running = step()
        this.#step = running
        const turn = await running.finally(() => {
          this.#step = undefined
        })
        this.#ending.checkOpen()
        if (turn.progress === 'end') {
          // v2 decides the end from the state before the read, so it is one even if the switch is not back yet.
          await this.#switching
          this.#phase = 'ended'
          this.#disarm()
          return turn
        }
        if (turn.progress === 'bytes') {
          this.#rounds.moved()
          if (kind === 'lends') this.#lent = true
          else if (this.#wanted) await this.#toStopCopy()
          return turn
        }
        await this.#drained()
      }
    } catch (error) {
      throw await this.#ending.fail(error)
    }
  }

  async #drained(): Promise<void> {
    if (this.#switching) await this.#switching
    if (this.#phase !== 'pre-copy') return this.#rounds.drainedAfterSwitch()
    this.#atDrain = true
    try {
      await this.#asking
      if (this.#stale()) return
      const { bytes } = this.moved
      this.#rounds.drained(bytes)
      const estimates = await this.#lane.estimates()
      this.#ending.checkOpen()
      const decision = await this.#rounds.ask({ estimates, bytes, drained: true, stale: this.#stale })
      if (decision === 'switch') await this.#toStopCopy()
      else if (decision === 'continue') await this.#rounds.pause(this.#stale)
    } finally {
      this.#atDrain = false
    }
  }

  /** Whether what the policy says does not matter any more. */
  readonly #stale = (): boolean => {
    this.#ending.checkOpen()
    return this.#phase !== 'pre-copy' || this.#wanted || this.#switching !== undefined
  }

  #askWhileReading(interval: number | undefined): void {
    if (interval === undefined || interval > LONGEST_TIMER) return
    this.#ticker = setInterval(() => {
      if (this.#atDrain) return
      this.#asking ??= this.#askInBetween().finally(() => {
        this.#asking = undefined
      })
    }, interval)
    this.#ticker.unref()
  }

  async #askInBetween(): Promise<void> {
    try {
      if (this.#stale()) return
      // Reading v1's pending_bytes in the middle of a round acknowledges what was not read yet.
      const estimates = this.#protocol.roundsAreWhole ? NO_ESTIMATES : await this.#lane.estimates()
      const { bytes } = this.moved
      const decision = await this.#rounds.ask({ estimates, bytes, drained: false, stale: this.#stale })
      if (decision === 'switch') void this.switchover().catch(() => {})
    } catch (error) {
      // The consumer learns of it.
      await this.#ending.fail(error)
    }
  }

  #limitPreCopy(milliseconds: number): void {
    // A longer timer of Node's fires at once.
    if (milliseconds > LONGEST_TIMER) return
    this.#timer = setTimeout(() => {
      this.#switchReason = `the pre-copy took longer than its ${milliseconds} ms`
      // A failure has ended the session, and its consumer learns of it.
      this.switchover().catch(() => {})
    }, milliseconds)
    this.#timer.unref()
  }

  async switchover(): Promise<void> {
    if (this.#phase === 'ended' || (this.#phase === 'stop-copy' && this.#switching === undefined)) return
    this.#ending.checkOpen()
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
      this.#ending.checkOpen()
    } catch (error) {
      throw await this.#ending.fail(error)
    }
  }

  #toStopCopy(): Promise<void> {
    this.#switching ??= (async () => {
      this.#stopTimers()
      if (this.#preCopyLimit) this.#preCopyLimit.bytesPerSecond = Number.POSITIVE_INFINITY
      await this.#protocol.acknowledge()
      await this.#switchover.run({ from: 'pre-copy', signal: this.#ending.signal })
      this.#preCopied = this.moved
      if (this.#phase === 'pre-copy') this.#phase = 'stop-copy'
    })().finally(() => {
      this.#wanted = false
      this.#notify()
    })
    return this.#switching
  }

  #notify(): void {
    this.#rounds.wake()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async complete(): Promise<void> {
    this.#ending.checkOpen()
    if (this.#phase !== 'ended') {
      throw new VfioError(
        'ERR_VFIO_BUSY',
        'the save has data left: read it to its end, or close the session',
        {
          device: this.#protocol.device,
        },
      )
    }
    this.#disarm()
    await this.#ending.complete()
  }

  close(): Promise<void> {
    return this.#ending.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #quieten(): Promise<void> {
    this.#disarm()
    this.#notify()
    this.#lane.source.cancel()
    await this.#step?.catch(() => {})
    await this.#lane.source.quiet()
    await this.#switching?.catch(() => {})
  }

  #stopTimers(): void {
    clearTimeout(this.#timer)
    clearInterval(this.#ticker)
  }

  #disarm(): void {
    this.#stopTimers()
    this.#ending.ignoreSignal()
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
