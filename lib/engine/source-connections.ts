// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto'
import { type BulkChannel, type Connection, type ConnectOptions, connect } from '../transport/index.js'
import { greet } from './greeting.js'
import { type EngineMessage, encodeMessage, engineVersion, type MessageOf } from './messages.js'
import type { Times } from './times.js'

export interface SourceConnectionOptions extends Pick<ConnectOptions, 'tls'> {
  /** Where the destination listens: `unix:PATH`, `tls:HOST:PORT`, or `tcp:HOST:PORT` (neither secret nor proof against tampering). */
  readonly to: string
  /** Makes the connections. Default: what the address says. */
  readonly connect?: (address: string, options: ConnectOptions) => Promise<Connection>
}

/** Every connection that the source of one migration makes, each bound to it by a key that only the two engines know. */
export class SourceConnections {
  /** A secret. */
  readonly key = randomBytes(32).toString('base64url')
  readonly #id: string
  readonly #options: SourceConnectionOptions
  readonly #times: Times
  readonly #channels: BulkChannel[] = []

  constructor(id: string, options: SourceConnectionOptions, times: Times) {
    this.#id = id
    this.#options = options
    this.#times = times
  }

  /** Of the devices by their number, then, where there is one, of the memory. */
  get channels(): readonly BulkChannel[] {
    return this.#channels
  }

  /** The control connection of a migration that begins. @throws {VfioError} the destination refuses, or is not there */
  async hello(
    offer: Omit<MessageOf<'hello'>, 'type' | 'version' | 'id' | 'key'>,
    signal: AbortSignal,
  ): Promise<Connection> {
    return this.#greeted({ type: 'hello', ...this.#identity, ...offer }, signal)
  }

  /** The control connection of a migration that goes on. */
  resume(signal: AbortSignal): Promise<Connection> {
    return this.#greeted({ type: 'resume', ...this.#identity }, signal)
  }

  get #identity() {
    return { version: engineVersion, id: this.#id, key: this.key }
  }

  async #greeted(hello: EngineMessage, signal: AbortSignal): Promise<Connection> {
    return greet(await this.#open(signal), hello, { timeout: this.#times.connect, signal })
  }

  #open(signal: AbortSignal): Promise<Connection> {
    const { to, tls, connect: dial = connect } = this.#options
    return dial(to, { signal, timeout: this.#times.connect, ...(tls === undefined ? {} : { tls }) })
  }

  /** Makes the data connections. @param signal also frees whoever is stuck in one, by losing it */
  async attach(devices: number, memory: boolean, signal: AbortSignal): Promise<void> {
    const names = [...Array(devices).keys(), ...(memory ? (['memory'] as const) : [])]
    const attached = await Promise.allSettled(
      names.map(async (channel, index) => {
        const bulk = await this.#attachOne(channel, signal)
        this.#channels[index] = bulk
        if (signal.aborted) bulk.destroy()
        else signal.addEventListener('abort', () => bulk.destroy(), { once: true })
      }),
    )
    const failed = attached.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #attachOne(channel: number | 'memory', signal: AbortSignal): Promise<BulkChannel> {
    const connection = await this.#open(signal)
    try {
      await connection.send(encodeMessage({ type: 'attach', ...this.#identity, channel }))
      return await connection.bulk('out')
    } catch (error) {
      connection.destroy()
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel?.close().catch(() => {})))
  }
}
