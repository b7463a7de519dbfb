// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import type { TLSSocket } from 'node:tls'
import { binding } from '../binding.js'
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import { boundedWait } from './bounded-wait.js'
import type { BulkChannel, WaitOptions } from './connection.js'
import { callNative } from './native-call.js'
import { defaultFinishTimeout } from './plain-bulk.js'
import { relaySocket } from './socket-relay.js'
import { nodeSocketOver } from './tls-handshake.js'

/**
 * Bulk data of a TLS connection. A pump has one end of a socket pair, the TLS socket is joined to the other: the bytes cross JavaScript,
 * a buffer at a time, and either side holds the other up when it is slow.
 */
export class TlsBulk implements BulkChannel {
  readonly direction: 'out' | 'in'
  readonly #peer: string
  readonly #native: NativeStreamSocket
  readonly #tls: TLSSocket
  /** The pump's end of the pair. */
  readonly #near: NativeStreamSocket
  readonly #far: NativeStreamSocket
  readonly #relay: Socket
  /** Settles when the data is through, or cannot be. */
  readonly #through: Promise<void>
  #failure: Error | undefined
  #closed: Promise<void> | undefined

  constructor(direction: 'out' | 'in', native: NativeStreamSocket, tls: TLSSocket, peer: string) {
    this.direction = direction
    this.#peer = peer
    this.#native = native
    this.#tls = tls
    const [near, far] = unwrap(binding().streamPair())
    this.#near = near
    this.#far = far
    this.#relay = direction === 'out' ? relaySocket(unwrap(far.duplicate()), tls) : nodeSocketOver(far)
    this.#relay.unref()
    this.#through = direction === 'out' ? this.#carryOut() : this.#carryIn()
    this.#through.catch((error: Error) => this.#fail(this.#lost(error)))
  }

  async #carryOut(): Promise<void> {
    // Nothing is to come from there, but its end and its errors are to be seen.
    this.#tls.on('data', () => this.#tls.destroy(new Error('it sends where it was to receive')))
    this.#tls.once('end', () => {
      if (!this.#tls.writableFinished) this.#tls.destroy(new Error('it has stopped reading'))
    })
    this.#relay.once('error', (error) => this.#tls.destroy(error))
    await finished(this.#tls, { readable: false })
  }

  async #carryIn(): Promise<void> {
    this.#tls.pipe(this.#relay)
    await Promise.all([finished(this.#tls, { writable: false }), finished(this.#relay, { readable: false })])
  }

  get fd(): number {
    const { descriptor } = this.#near
    if (this.#closed !== undefined || descriptor < 0) throw this.#isClosed()
    return descriptor
  }

  async finish(options: WaitOptions = {}): Promise<void> {
    if (this.#closed !== undefined) throw this.#isClosed()
    const wait = { timeout: defaultFinishTimeout, ...options }
    const end = performance.now() + (wait.timeout ?? Number.POSITIVE_INFINITY)
    const left = (): WaitOptions => ({
      timeout: wait.timeout === undefined ? undefined : Math.max(0, end - performance.now()),
      signal: wait.signal,
    })
    this.#tls.ref()
    this.#relay.ref()
    try {
      if (this.direction === 'out') await this.#flush(left)
      else await this.#expectEnd(left)
    } catch (error) {
      throw this.#failure ?? error
    } finally {
      this.#tls.unref()
      this.#relay.unref()
    }
  }

  async #flush(left: () => WaitOptions): Promise<void> {
    await callNative(this.#peer, left(), () => this.#near.endWriting())
    await boundedWait(this.#through, left(), `${this.#peer} does not read in time`)
    await callNative(this.#peer, left(), (timeout, cancellation) => this.#native.flush(timeout, cancellation))
  }

  async #expectEnd(left: () => WaitOptions): Promise<void> {
    const more = await callNative(this.#peer, left(), (timeout, cancellation) =>
      this.#near.receive(1, timeout, cancellation),
    )
    if (more !== null) {
      throw new VfioError('ERR_VFIO_MALFORMED', `${this.#peer} sends more data than was to come`)
    }
    await boundedWait(this.#through, left(), `${this.#peer} does not end its data in time`)
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    this.destroy()
    await this.#near.close()
    await this.#far.close()
    await this.#native.close()
  }

  destroy(reason?: Error): void {
    this.#fail(reason ?? this.#isClosed())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Both ways: a pump finds the end, or EPIPE, and so does the peer. */
  #fail(reason: Error): void {
    this.#failure ??= reason
    this.#near.destroy()
    this.#relay.destroy()
    this.#tls.destroy()
    this.#native.destroy()
  }

  #lost(cause: Error): VfioError {
    return new VfioError('ERR_VFIO_PEER_LOST', `${this.#peer} is gone: ${cause.message}`, { cause })
  }

  #isClosed(): VfioError {
    return new VfioError('ERR_VFIO_CLOSED', `the bulk channel with ${this.#peer} is closed`)
  }
}
