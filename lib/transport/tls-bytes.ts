// SPDX-License-Identifier: MIT
import type { TLSSocket } from 'node:tls'
import { VfioError } from '../errors/index.js'
import { boundedWait } from './bounded-wait.js'
import type { ByteStream } from './byte-stream.js'
import type { WaitOptions } from './connection.js'

/**
 * The bytes of a TLS connection. What is not asked for stays in the socket's own buffer, which is bounded, so that nothing has to be put
 * back when bulk data begins. The socket keeps the process alive only during a call.
 */
export class TlsBytes implements ByteStream {
  readonly #socket: TLSSocket
  readonly #peer: string
  #ended = false
  #failure: Error | undefined
  #destroyed = false
  #wake: () => void = () => undefined
  #calls = 0
  readonly #onReadable = (): void => this.#wake()

  constructor(socket: TLSSocket, peer: string) {
    this.#socket = socket
    this.#peer = peer
    socket.setNoDelay(true)
    socket.unref()
    socket.on('readable', this.#onReadable)
    socket.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    socket.on('error', (error) => {
      this.#failure ??= error
      this.#wake()
    })
    socket.on('close', () => this.#wake())
  }

  async read(most: number, wait: WaitOptions): Promise<Uint8Array | undefined> {
    return await this.#during(async () => {
      for (;;) {
        const bytes: Buffer | null = this.#socket.read(Math.min(most, this.#socket.readableLength))
        if (bytes !== null && bytes.byteLength > 0) return Uint8Array.from(bytes)
        if (this.#destroyed) throw this.#closed()
        if (this.#failure !== undefined) throw this.lost(this.#failure)
        if (this.#ended) return undefined
        if (this.#socket.destroyed) throw this.lost(undefined)
        const news = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        await boundedWait(news, wait, `${this.#peer} does not answer in time`)
      }
    })
  }

  async write(bytes: Uint8Array, wait: WaitOptions): Promise<void> {
    await this.#during(async () => {
      if (this.#destroyed) throw this.#closed()
      const written = new Promise<void>((resolve, reject) => {
        this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
      try {
        await boundedWait(written, wait, `${this.#peer} does not read in time`)
      } catch (error) {
        if (error instanceof VfioError) throw error
        throw this.#destroyed ? this.#closed() : this.lost(error)
      }
    })
  }

  /** The stream's own state is as if nobody had read it, from the next turn of the event loop on. */
  async release(): Promise<void> {
    this.#socket.off('readable', this.#onReadable)
    await new Promise((resolve) => setImmediate(resolve))
  }

  destroy(): void {
    this.#destroyed = true
    this.#socket.destroy()
    this.#wake()
  }

  lost(cause: unknown): VfioError {
    return new VfioError('ERR_VFIO_PEER_LOST', `${this.#peer} is gone`, { cause })
  }

  #closed(): VfioError {
    return new VfioError('ERR_VFIO_CLOSED', `the connection to ${this.#peer} was closed on this side`)
  }

  async #during<T>(call: () => Promise<T>): Promise<T> {
    if (this.#calls++ === 0) this.#socket.ref()
    try {
      return await call()
    } finally {
      if (--this.#calls === 0) this.#socket.unref()
    }
  }
}
