// SPDX-License-Identifier: MIT
import type { Writable } from 'node:stream'
import type { DataSink } from '../device/data-sink.js'
import { type Recovery, VfioAbortError, VfioError } from '../errors/index.js'
import type { FrameReader } from '../stream/frame-reader.js'
import type { Moved } from './chunk.js'
import type { LoadOptions, LoadSession, LoadTarget } from './load-session.js'
import type { LoadLane, Protocol } from './protocol.js'
import { recover } from './recovery.js'
import type { MigrationState } from './state.js'

export interface LoadStart {
  readonly protocol: Protocol
  readonly lane: LoadLane
  /** The state before `resuming`. */
  readonly previous: MigrationState
  readonly options: LoadOptions
  /** Gives the device free for the next operation. */
  readonly release: () => void
}

/** The one implementation of a load, for both protocols. */
export class Load implements LoadSession {
  readonly #protocol: Protocol
  readonly #lane: LoadLane
  readonly #previous: MigrationState
  readonly #options: LoadOptions
  readonly #release: () => void
  #last: Moved | undefined
  #step: Promise<unknown> | undefined
  #stream: Writable | undefined
  #reason: unknown
  #over = false
  #ending: Promise<void> | undefined
  #recovery: Recovery | undefined

  constructor(start: LoadStart) {
    this.#protocol = start.protocol
    this.#lane = start.lane
    this.#previous = start.previous
    this.#options = start.options
    this.#release = start.release
    start.options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (start.options.signal?.aborted) this.#onAbort()
  }

  get protocol(): 'v1' | 'v2' {
    return this.#protocol.name
  }

  get moved(): Moved {
    if (this.#last !== undefined) return this.#last
    const { bytes, chunks } = this.#lane.sink.counters
    return { bytes, chunks }
  }

  get recovery(): Recovery | undefined {
    return this.#recovery
  }

  async write(data: Uint8Array): Promise<void> {
    await this.receive((sink) => sink.write(data))
  }

  writable(): Writable {
    const { Writable: WritableStream } = process.getBuiltinModule('node:stream') // as in readable.ts
    const stream = new WritableStream({
      objectMode: true,
      highWaterMark: 2,
      write: (chunk: unknown, _encoding, callback) => {
        if (!(chunk instanceof Uint8Array)) callback(new TypeError('a chunk must be a Uint8Array'))
        else this.write(chunk).then(() => callback(), callback)
      },
      destroy: (error, callback) => {
        // Ended well, the load goes on to complete(); destroyed, it is given up.
        if (error === null && stream.writableFinished) callback(null)
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

  async loadFrom(fd: number): Promise<Moved> {
    if (this.protocol === 'v1') {
      throw new VfioError('ERR_VFIO_CHUNK_BORDERS', 'raw bytes carry no chunk borders, which v1 needs', {
        device: this.#protocol.device,
      })
    }
    const { bytes, chunks } = await this.receive((sink) => sink.pumpFromFd(fd))
    return { bytes, chunks }
  }

  async loadFromFrames(reader: FrameReader, section: number): Promise<Moved> {
    const { bytes, chunks } = await this.receive((sink) => sink.pumpFromFrames(reader.native, section))
    return { bytes, chunks }
  }

  /** @internal Lends the sink for one call. A failure ends the session. */
  async receive<T>(use: (sink: DataSink) => Promise<T>): Promise<T> {
    this.#checkOpen()
    this.#checkIdle()
    try {
      const running = use(this.#lane.sink)
      this.#step = running
      const result = await running.finally(() => {
        this.#step = undefined
      })
      this.#checkOpen()
      return result
    } catch (error) {
      throw await this.#fail(error)
    }
  }

  #checkIdle(): void {
    if (this.#step !== undefined) {
      throw new VfioError('ERR_VFIO_BUSY', 'data is being loaded: one call at a time', {
        device: this.#protocol.device,
      })
    }
  }

  #checkOpen(): void {
    if (this.#reason !== undefined) throw this.#reason
    if (this.#over) throw this.#endedError()
  }

  #endedError(): VfioError {
    return new VfioError('ERR_VFIO_SESSION_ENDED', 'the load is over', { device: this.#protocol.device })
  }

  async complete(target: LoadTarget = 'running'): Promise<void> {
    this.#checkOpen()
    this.#checkIdle()
    const { device, capabilities } = this.#protocol
    if (target !== 'running' && this.protocol === 'v1') {
      throw new VfioError('ERR_VFIO_UNSUPPORTED', 'a v1 device leaves resuming for running only', { device })
    }
    if (target === 'running-p2p' && !capabilities.p2p) {
      throw new VfioError('ERR_VFIO_UNSUPPORTED', 'the device has no P2P states: complete into stop', {
        device,
      })
    }
    // Guarded like a data call: an abort waits for the arc in progress, then undoes it.
    const leaving = this.#protocol.lead(target)
    this.#step = leaving
    try {
      await leaving.finally(() => {
        this.#step = undefined
      })
      this.#checkOpen()
    } catch (error) {
      throw await this.#fail(error)
    }
    this.#over = true
    this.#ending = this.#dispose()
    await this.#ending
  }

  async close(): Promise<void> {
    const first = !this.#over
    await this.#end()
    if (first && this.#recovery?.ok === false) {
      const error = new VfioError('ERR_VFIO_TRANSITION', `giving up the load: ${this.#recovery.message}`, {
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

  async #fail(error: unknown): Promise<unknown> {
    if (!this.#over) this.#reason ??= error
    await this.#end()
    return this.#reason ?? this.#endedError()
  }

  #end(): Promise<void> {
    this.#over = true
    this.#ending ??= this.#giveUp()
    return this.#ending
  }

  async #giveUp(): Promise<void> {
    this.#lane.sink.cancel()
    await this.#step?.catch(() => {})
    this.#recovery = await recover(this.#protocol, this.#options.recovery ?? 'reset', this.#previous, {
      resetFirst: true,
    })
    if (this.#reason instanceof VfioError) this.#reason.recovery ??= this.#recovery
    await this.#dispose()
    this.#stream?.destroy(this.#reason instanceof Error ? this.#reason : undefined)
  }

  async #dispose(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    try {
      this.#last = this.moved
      await this.#lane.close()
    } finally {
      this.#release()
    }
  }
}
