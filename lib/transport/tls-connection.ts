// SPDX-License-Identifier: MIT
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import { boundedWait } from './bounded-wait.js'
import type { BulkChannel, Connection, ConnectionPeer, WaitOptions } from './connection.js'
import { MessageStream } from './message-stream.js'
import { defaultLinkTimeout, type PlainLimits } from './plain-connection.js'
import { TlsBulk } from './tls-bulk.js'
import type { SecuredSocket } from './tls-handshake.js'

/** How long a close waits for what was sent to be out, in milliseconds. */
const CLOSE_WITHIN = 2000

/** TLS 1.3 with certificates on both sides, over a TCP connection that was made natively. */
export class TlsConnection implements Connection {
  readonly peer: ConnectionPeer
  readonly #native: NativeStreamSocket
  readonly #secured: SecuredSocket
  readonly #messages: MessageStream
  readonly #linkTimeout: number
  #usedUp = false
  #closed: Promise<void> | undefined

  /** Owns `native` and what was secured over it. */
  constructor(native: NativeStreamSocket, secured: SecuredSocket, address: string, limits: PlainLimits) {
    this.#native = native
    this.#secured = secured
    this.peer = { address, certificate: secured.certificate }
    this.#linkTimeout = limits.linkTimeout ?? defaultLinkTimeout
    this.#messages = new MessageStream(secured.bytes, address, limits.messageTimeout)
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
    await this.#secured.bytes.release()
    // The device at the other end may take minutes over a chunk, and nothing is read meanwhile.
    unwrap(this.#native.setLinkTimeout(this.#linkTimeout, true))
    return new TlsBulk(direction, this.#native, this.#secured.socket, this.peer.address)
  }

  async close(): Promise<void> {
    if (this.#usedUp) return
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    const { socket } = this.#secured
    if (!socket.destroyed) {
      const ended = new Promise<void>((resolve) => {
        socket.once('close', resolve)
        socket.end(resolve)
      })
      await boundedWait(ended, { timeout: CLOSE_WITHIN }, '').catch(() => undefined)
    }
    await this.#letGo()
  }

  destroy(): void {
    if (this.#usedUp) return
    this.#closed ??= this.#letGo()
    // Also what an ordered close still waits for.
    this.#secured.bytes.destroy()
  }

  async #letGo(): Promise<void> {
    this.#secured.bytes.destroy()
    this.#native.destroy()
    await this.#native.close()
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
