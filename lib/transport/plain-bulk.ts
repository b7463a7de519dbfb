// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import type { BulkChannel, WaitOptions } from './connection.js'
import { callNative } from './native-call.js'

/** How long the other side's kernel may take to acknowledge what was sent last, unless the caller says otherwise. In milliseconds. */
export const defaultFinishTimeout = 60_000

/** A plain socket as it is. */
export class PlainBulk implements BulkChannel {
  readonly direction: 'out' | 'in'
  readonly #socket: NativeStreamSocket
  readonly #peer: string
  #reason: Error | undefined
  #closed: Promise<unknown> | undefined

  constructor(direction: 'out' | 'in', socket: NativeStreamSocket, peer: string) {
    this.direction = direction
    this.#socket = socket
    this.#peer = peer
  }

  get fd(): number {
    const { descriptor } = this.#socket
    if (this.#closed !== undefined || descriptor < 0) throw this.#isClosed()
    return descriptor
  }

  async finish(options: WaitOptions = {}): Promise<void> {
    const wait = { timeout: defaultFinishTimeout, ...options }
    if (this.#closed !== undefined) throw this.#isClosed()
    try {
      if (this.direction === 'out') await this.#flush(wait)
      else await this.#expectEnd(wait)
    } catch (error) {
      throw this.#reason ?? error
    }
  }

  async #flush(wait: WaitOptions): Promise<void> {
    await callNative(this.#peer, wait, (timeout, cancellation) => this.#socket.finish(timeout, cancellation))
  }

  async #expectEnd(wait: WaitOptions): Promise<void> {
    const left = await callNative(this.#peer, wait, (timeout, cancellation) =>
      this.#socket.receive(1, timeout, cancellation),
    )
    if (left !== null) {
      throw new VfioError('ERR_VFIO_MALFORMED', `${this.#peer} sends more data than was to come`)
    }
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    this.#socket.destroy()
    await this.#socket.close()
  }

  destroy(reason?: Error): void {
    this.#reason ??= reason
    this.#socket.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #isClosed(): VfioError {
    return new VfioError('ERR_VFIO_CLOSED', `the bulk channel with ${this.#peer} is closed`)
  }
}
