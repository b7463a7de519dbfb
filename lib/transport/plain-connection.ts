// SPDX-License-Identifier: MIT
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import type { ByteStream } from './byte-stream.js'
import type { BulkChannel, Connection, ConnectionPeer, WaitOptions } from './connection.js'
import { MessageStream } from './message-stream.js'
import { callNative } from './native-call.js'
import { PlainBulk } from './plain-bulk.js'

/** How long a TCP peer may be out of reach before the connection counts as lost, unless the caller says otherwise. In milliseconds. */
export const defaultLinkTimeout = 20_000

export interface PlainLimits {
  readonly linkTimeout?: number | undefined
  readonly messageTimeout?: number | undefined
}

/** A UNIX or TCP connection, made natively, so that a pump can have its descriptor. */
export class PlainConnection implements Connection {
  readonly peer: ConnectionPeer
  readonly #socket: NativeStreamSocket
  readonly #messages: MessageStream
  readonly #linkTimeout: number
  #usedUp = false
  #closed: Promise<unknown> | undefined

  constructor(socket: NativeStreamSocket, peer: ConnectionPeer, limits: PlainLimits = {}) {
    this.#socket = socket
    this.peer = peer
    this.#linkTimeout = limits.linkTimeout ?? defaultLinkTimeout
    unwrap(socket.setLinkTimeout(this.#linkTimeout, false))
    this.#messages = new MessageStream(bytesOf(socket, peer.address), peer.address, limits.messageTimeout)
  }

  async send(message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    this.#checkOpen()
    await this.#messages.send(message, options)
  }

  async receive(options: WaitOptions = {}): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    return await this.#messages.receive(options)
  }

  async bulk(direction: 'out' | 'in'): Promise<BulkChannel> {
    this.#checkOpen()
    if (this.#messages.receiving) {
      throw new VfioError('ERR_VFIO_BUSY', `a message of ${this.peer.address} is awaited`)
    }
    this.#usedUp = true
    await this.#messages.sent()
    // The device at the other end may take minutes over a chunk, and nothing is read meanwhile.
    unwrap(this.#socket.setLinkTimeout(this.#linkTimeout, true))
    return new PlainBulk(direction, this.#socket, this.peer.address)
  }

  async close(): Promise<void> {
    if (this.#usedUp) return
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    this.#socket.destroy()
    await this.#socket.close()
  }

  destroy(): void {
    if (!this.#usedUp) this.#closed ??= this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#usedUp || this.#closed !== undefined) {
      const why = this.#usedUp ? 'carries bulk data now' : 'is closed'
      throw new VfioError('ERR_VFIO_CLOSED', `the connection to ${this.peer.address} ${why}`)
    }
  }
}

function bytesOf(socket: NativeStreamSocket, peer: string): ByteStream {
  return {
    read: async (most, wait) => {
      const bytes = await callNative(peer, wait, (timeout, cancellation) =>
        socket.receive(most, timeout, cancellation),
      )
      return bytes === null ? undefined : new Uint8Array(bytes)
    },
    write: async (bytes, wait) => {
      await callNative(peer, wait, (timeout, cancellation) => socket.send(bytes, timeout, cancellation))
    },
    destroy: () => socket.destroy(),
  }
}
