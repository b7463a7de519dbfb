// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { Connection } from '../transport/index.js'
import { decodeMessage, type EngineMessage, encodeMessage } from './messages.js'

export interface LinkTimes {
  /** How often an engine that has nothing to say shows that it lives, in milliseconds. */
  readonly heartbeat: number
  /** How long the other may say nothing before the connection counts as lost, in milliseconds. */
  readonly silence: number
}

export interface LinkListener {
  /** Of every message that passes. */
  passed?(direction: 'out' | 'in', message: EngineMessage, bytes: number): void
  message(message: EngineMessage): void
  /** Once, when the connection is of no more use. @param inOrder the other side has closed it, having said all it had to say */
  lost(reason: unknown, inOrder: boolean): void
}

/** A control connection after its greeting: messages both ways, and signs of life. What is sent may be lost without a word. */
export class ControlLink {
  readonly #connection: Connection
  readonly #times: LinkTimes
  readonly #listener: LinkListener
  readonly #heartbeat: NodeJS.Timeout
  readonly #reading: Promise<void>
  #sending: Promise<unknown> = Promise.resolve()
  #over = false

  constructor(connection: Connection, times: LinkTimes, listener: LinkListener) {
    this.#connection = connection
    this.#times = times
    this.#listener = listener
    this.#heartbeat = setInterval(() => this.send({ type: 'alive' }), times.heartbeat)
    this.#reading = this.#read()
  }

  get alive(): boolean {
    return !this.#over
  }

  /** In order. A message that does not get through is a lost one. */
  send(message: EngineMessage): void {
    if (this.#over) return
    const bytes = encodeMessage(message)
    this.#listener.passed?.('out', message, bytes.length)
    this.#sending = this.#sending
      .then(() => this.#connection.send(bytes))
      .catch((error: unknown) => this.#lose(error))
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#connection.receive({ timeout: this.#times.silence })
        if (this.#over) return
        if (bytes === undefined) {
          const closed = 'the engine at the other end has closed its connection'
          this.#lose(new VfioError('ERR_VFIO_PEER_LOST', closed), true)
          return
        }
        const message = decodeMessage(bytes)
        this.#listener.passed?.('in', message, bytes.length)
        if (message.type !== 'alive') this.#listener.message(message)
      }
    } catch (error) {
      this.#lose(error)
    }
  }

  #lose(reason: unknown, inOrder = false): void {
    if (this.#over) return
    this.#over = true
    clearInterval(this.#heartbeat)
    this.#connection.destroy()
    this.#listener.lost(reason, inOrder)
  }

  /** Sends what was said, then ends the connection in order. The listener hears of nothing more. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    if (!this.#over) {
      await this.#sending
      this.#over = true
    }
    await this.#connection.close().catch(() => {})
    await this.#reading
  }
}
