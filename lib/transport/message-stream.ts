// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { ByteStream } from './byte-stream.js'
import type { WaitOptions } from './connection.js'
import { frameOf, MessageAssembler } from './message-frame.js'

/** How long a message may take once it is on its way, in either direction, unless the caller says otherwise. In milliseconds. */
export const defaultMessageTimeout = 30_000

/** Messages over bytes: their borders, their limits, and what becomes of the bytes when a wait ends early. */
export class MessageStream {
  readonly #bytes: ByteStream
  readonly #peer: string
  readonly #messageTimeout: number
  readonly #assembler = new MessageAssembler()
  #receiving = false
  /** When the message in the assembler began, on the clock of `performance.now()`. */
  #begunAt = 0
  #sending: Promise<unknown> = Promise.resolve()

  constructor(bytes: ByteStream, peer: string, messageTimeout = defaultMessageTimeout) {
    this.#bytes = bytes
    this.#peer = peer
    this.#messageTimeout = messageTimeout
  }

  get receiving(): boolean {
    return this.#receiving
  }

  /** @see Connection.send */
  async send(message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    const { timeout = this.#messageTimeout, signal } = options
    const sent = this.#bytes.write(frameOf(message), { timeout, signal })
    this.#sending = sent.catch(() => undefined)
    try {
      await sent
    } catch (error) {
      this.#bytes.destroy() // a part may be out: nobody finds the next message any more
      throw error
    }
  }

  /** When everything that was to be sent is out. Never rejects. */
  async sent(): Promise<void> {
    await this.#sending
  }

  /** @see Connection.receive */
  async receive(options: WaitOptions = {}): Promise<Uint8Array | undefined> {
    if (this.#receiving) throw new VfioError('ERR_VFIO_BUSY', `a message of ${this.#peer} is awaited already`)
    this.#receiving = true
    try {
      return await this.#assemble(options)
    } finally {
      this.#receiving = false
    }
  }

  async #assemble({ timeout, signal }: WaitOptions): Promise<Uint8Array | undefined> {
    const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout
    for (;;) {
      const stalls = this.#assembler.begun ? this.#begunAt + this.#messageTimeout : Number.POSITIVE_INFINITY
      const bytes = await this.#read(Math.min(end, stalls), stalls <= end, signal)
      if (bytes === undefined) {
        if (!this.#assembler.begun) return undefined
        this.#bytes.destroy()
        throw new VfioError('ERR_VFIO_PEER_LOST', `${this.#peer} has gone in the middle of a message`)
      }
      if (!this.#assembler.begun) this.#begunAt = performance.now()
      const message = this.#take(bytes)
      if (message !== undefined) return message
    }
  }

  async #read(
    end: number,
    isStall: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const timeout = Number.isFinite(end) ? Math.max(0, Math.ceil(end - performance.now())) : undefined
    try {
      return await this.#bytes.read(this.#assembler.wanted, { timeout, signal })
    } catch (error) {
      if (isStall && error instanceof VfioError && error.code === 'ERR_VFIO_PEER_TIMEOUT')
        this.#bytes.destroy()
      throw error
    }
  }

  #take(bytes: Uint8Array): Uint8Array | undefined {
    try {
      return this.#assembler.take(bytes)
    } catch (error) {
      this.#bytes.destroy()
      throw error
    }
  }
}
