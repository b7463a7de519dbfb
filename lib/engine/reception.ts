// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { BulkChannel, Connection, Listener } from '../transport/index.js'
import { equal } from './authorisation.js'
import { unlessGivenUp } from './given-up.js'
import {
  decodeMessage,
  type EngineMessage,
  encodeMessage,
  engineVersion,
  type MessageOf,
  troubleOf,
} from './messages.js'

type Channel = number | 'memory'

export interface ReceptionOptions {
  /** How many devices data is received for. */
  readonly channels: number
  /** Milliseconds for the first message of a connection. */
  readonly timeout: number
  /** Decides on a migration. @throws why it is refused */
  readonly hello: (hello: MessageOf<'hello'>, connection: Connection) => Promise<void>
  /** The source of this migration has made another control connection. */
  readonly resume: (connection: Connection) => void
  readonly refused: (peer: string, error: VfioError) => void
}

/** How many connections may be about to say who they are, at a time. */
const MAX_GREETING = 64

/** Takes every connection of a listener to where its first message says that it belongs. */
export class Reception {
  readonly #listener: Listener
  readonly #options: ReceptionOptions
  readonly #channels = new Map<Channel, Promised<BulkChannel>>()
  readonly #session = new Promised<Connection>()
  readonly #stop = new AbortController()
  readonly #greeting = new Set<Promise<void>>()
  readonly #accepting: Promise<void>
  // Of the migration that was welcomed.
  #known: { readonly id: string; readonly key: string } | undefined
  // One decision at a time: the second of two who come at once finds the first one welcomed.
  #deciding: Promise<unknown> = Promise.resolve()

  /** @param known the migration that this engine is in already, when it comes back after a crash: no other begins here */
  constructor(
    listener: Listener,
    options: ReceptionOptions,
    known?: { readonly id: string; readonly key: string },
  ) {
    this.#listener = listener
    this.#options = options
    this.#known = known
    for (let index = 0; index < options.channels; index++) this.#channels.set(index, new Promised())
    this.#channels.set('memory', new Promised())
    this.#accepting = this.#accept()
  }

  /** The control connection of the migration that was welcomed. */
  session(signal: AbortSignal): Promise<Connection> {
    return unlessGivenUp(this.#session.promise, signal)
  }

  /** Where the data of a device comes in, once its connection is there. */
  channel(channel: Channel): Promise<BulkChannel> {
    return (this.#channels.get(channel) as Promised<BulkChannel>).promise
  }

  async #accept(): Promise<void> {
    for (;;) {
      let connection: Connection | undefined
      try {
        connection = await this.#listener.accept({ signal: this.#stop.signal })
      } catch (error) {
        if (this.#stop.signal.aborted) return
        // One client's bad luck, or no descriptor free for now: neither ends the listening.
        this.#options.refused(this.#listener.address, asError(error))
        await new Promise((resolve) => setTimeout(resolve, 50))
        continue
      }
      if (connection === undefined) return
      if (this.#greeting.size >= MAX_GREETING) {
        connection.destroy()
        continue
      }
      const greeting = this.#greet(connection).finally(() => this.#greeting.delete(greeting))
      this.#greeting.add(greeting)
    }
  }

  async #greet(connection: Connection): Promise<void> {
    try {
      const bytes = await connection.receive({ timeout: this.#options.timeout, signal: this.#stop.signal })
      if (bytes === undefined) {
        connection.destroy()
        return
      }
      await this.#route(decodeMessage(bytes), connection)
    } catch (error) {
      const known = asError(error)
      this.#options.refused(connection.peer.address, known)
      await connection
        .send(encodeMessage({ type: 'refused', ...troubleOf(known) }), { timeout: 1000 })
        .catch(() => {})
      await connection.close().catch(() => {})
    }
  }

  async #route(message: EngineMessage, connection: Connection): Promise<void> {
    switch (message.type) {
      case 'hello': {
        const decided = this.#deciding.then(() => this.#begin(message, connection))
        this.#deciding = decided.catch(() => {})
        return decided
      }
      case 'resume':
        this.#check(message)
        await connection.send(encodeMessage({ type: 'welcome', version: engineVersion }))
        this.#options.resume(connection)
        return
      case 'attach': {
        this.#check(message)
        const channel = this.#channels.get(message.channel)
        if (channel === undefined || channel.settled) {
          throw new VfioError(
            'ERR_VFIO_PROTOCOL',
            `channel ${message.channel} is not there, or connected already`,
          )
        }
        channel.resolve(await connection.bulk('in'))
        return
      }
      default:
        throw new VfioError('ERR_VFIO_PROTOCOL', `a connection cannot begin with "${message.type}"`)
    }
  }

  async #begin(hello: MessageOf<'hello'>, connection: Connection): Promise<void> {
    if (this.#known !== undefined)
      throw new VfioError('ERR_VFIO_BUSY', 'another migration is in progress here')
    await this.#options.hello(hello, connection)
    this.#known = { id: hello.id, key: hello.key }
    // From here on it is in the journal: a source that does not hear it is one that is lost.
    await connection.send(encodeMessage({ type: 'welcome', version: engineVersion })).catch(() => {})
    this.#session.resolve(connection)
  }

  #check({ id, key, version }: MessageOf<'resume'> | MessageOf<'attach'>): void {
    if (this.#known === undefined || id !== this.#known.id || !equal(key, this.#known.key))
      throw new VfioError('ERR_VFIO_UNAUTHORISED', 'no such migration is in progress here')
    if (version !== engineVersion)
      throw new VfioError('ERR_VFIO_PROTOCOL', `this engine speaks version ${engineVersion}, not ${version}`)
  }

  /** No more connections; those of data that nobody took are closed. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#listener.close()
    await this.#accepting
    await Promise.all(this.#greeting)
    for (const channel of this.#channels.values()) await (channel.value?.close() ?? Promise.resolve())
  }
}

class Promised<T> {
  readonly promise: Promise<T>
  value: T | undefined
  settled = false
  #resolve: (value: T) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  resolve(value: T): void {
    this.settled = true
    this.value = value
    this.#resolve(value)
  }
}

function asError(error: unknown): VfioError {
  if (error instanceof VfioError) return error
  const { message } = error as { message?: unknown }
  return new VfioError('ERR_VFIO_MIGRATION', typeof message === 'string' ? message : String(error), {
    cause: error,
  })
}
