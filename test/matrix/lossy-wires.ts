// SPDX-License-Identifier: MIT
// Connections between two engines that lose, delay, repeat, reorder or damage one message of a kind, or break at it.
import { setTimeout as pause } from 'node:timers/promises'
import {
  type BulkChannel,
  type Connection,
  type ConnectionPeer,
  connect,
  type Listener,
  listen,
  type WaitOptions,
} from '../../lib/transport/index.js'
import type { Side } from './scenario.js'
import type { Wires } from './trial.js'

export const messageActions = [
  'lost',
  'lost from then on',
  'late',
  'twice',
  'overtaken',
  'cut short',
  'breaks before',
  'breaks after',
] as const

export type MessageAction = (typeof messageActions)[number]

export interface MessageFault {
  /** Who sends it. */
  readonly from: Side
  /** Its type, with the word of a `word`. */
  readonly kind: string
  /** From 1, over all connections. */
  readonly nth: number
  readonly action: MessageAction
}

/** Longer than a heartbeat and a repetition, shorter than silence that counts. Milliseconds. */
const LATE = 150

/** Counts the messages of each kind; with a fault, does that to one of them. */
export class LossyWires {
  readonly #fault: MessageFault | undefined
  readonly #counts = new Map<string, number>()
  readonly #before: (from: Side, kind: string) => Promise<void>
  #struck = false

  /** @param before awaited before any message is sent */
  constructor(fault?: MessageFault, before: (from: Side, kind: string) => Promise<void> = async () => {}) {
    this.#fault = fault
    this.#before = before
  }

  /** By sender and kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  wires(): Wires {
    return {
      send: { connect: async (address, options) => this.#wrap('source', await connect(address, options)) },
      receive: {
        listener: async (address, options) => this.#wrapListener(await listen(address, options)),
      },
      struck: () => this.#struck || this.#fault === undefined,
    }
  }

  #wrap(from: Side, connection: Connection): Connection {
    return new LossyConnection(connection, async (message) => {
      await this.#before(from, kindOf(message))
      return this.#actionFor(from, message)
    })
  }

  #wrapListener(listener: Listener): Listener {
    return {
      address: listener.address,
      accept: async (options) => {
        const connection = await listener.accept(options)
        return connection === undefined ? undefined : this.#wrap('destination', connection)
      },
      close: () => listener.close(),
      [Symbol.asyncDispose]: () => listener.close(),
    }
  }

  #actionFor(from: Side, message: Uint8Array): MessageAction | undefined {
    const kind = kindOf(message)
    const key = `${from} ${kind}`
    const nth = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, nth)
    const fault = this.#fault
    if (fault === undefined || fault.from !== from || fault.kind !== kind) return undefined
    const strikes = fault.action === 'lost from then on' ? nth >= fault.nth : nth === fault.nth
    if (!strikes) return undefined
    this.#struck = true
    return fault.action
  }
}

function kindOf(message: Uint8Array): string {
  const { type, word } = JSON.parse(Buffer.from(message).toString()) as { type: string; word?: string }
  return word ?? type
}

class LossyConnection implements Connection {
  readonly #inner: Connection
  readonly #actionFor: (message: Uint8Array) => Promise<MessageAction | undefined>
  #held: Uint8Array | undefined

  constructor(inner: Connection, actionFor: (message: Uint8Array) => Promise<MessageAction | undefined>) {
    this.#inner = inner
    this.#actionFor = actionFor
  }

  get peer(): ConnectionPeer {
    return this.#inner.peer
  }

  async send(message: Uint8Array, options?: WaitOptions): Promise<void> {
    switch (await this.#actionFor(message)) {
      case 'lost':
      case 'lost from then on':
        return
      case 'late':
        void pause(LATE).then(() => this.#inner.send(message, options).catch(() => {}))
        return
      case 'twice':
        await this.#inner.send(message, options)
        return this.#inner.send(message, options)
      case 'overtaken':
        this.#held = message
        return
      case 'cut short':
        return this.#inner.send(message.subarray(0, Math.ceil(message.length / 2)), options)
      case 'breaks before':
        return this.#inner.destroy()
      case 'breaks after':
        await this.#inner.send(message, options)
        return this.#inner.destroy()
      case undefined: {
        const held = this.#held
        this.#held = undefined
        await this.#inner.send(message, options)
        if (held !== undefined) await this.#inner.send(held, options)
      }
    }
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#inner.receive(options)
  }

  bulk(direction: 'out' | 'in'): Promise<BulkChannel> {
    return this.#inner.bulk(direction)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  destroy(): void {
    this.#inner.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner.close()
  }
}
