// SPDX-License-Identifier: MIT
import { throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeStreamListener, NativeStreamSocket } from '../native-binding.js'
import type { Connection, WaitOptions } from './connection.js'
import { callNative } from './native-call.js'

/** Takes connections. It does not keep the process alive while no {@link accept} is awaited. */
export interface Listener extends AsyncDisposable {
  /** As {@link parseAddress} reads it, with the real port. */
  readonly address: string
  /**
   * The next client that is who it has to be; `undefined` once the listener is closed. One call at a time.
   * @throws {VfioError} `ERR_VFIO_PEER_TIMEOUT`: nobody came in time; `ERR_VFIO_BUSY`
   */
  accept(options?: WaitOptions): Promise<Connection | undefined>
  /** No more connections; those that were accepted stay. Idempotent. */
  close(): Promise<void>
}

/** Makes a connection of a socket whose peer is still to be checked. On failure the socket is its caller's to close. */
export type Welcome = (socket: NativeStreamSocket) => Promise<Connection> | Connection

export interface ListenerParts {
  readonly native: NativeStreamListener
  readonly address: string
  readonly welcome: Welcome
  /** How many welcomes may be in progress at a time. */
  readonly mostWelcomes: number
  readonly onRefused: ((error: VfioError) => void) | undefined
  /** Called once, before the listening socket is closed. */
  readonly beforeClose: () => Promise<void>
}

/**
 * Accepts only while somebody waits for a connection. A client that dawdles over its handshake holds up nobody: others are welcomed
 * beside it, up to a limit, and who is ready first comes first.
 */
export class SocketListener implements Listener {
  readonly #parts: ListenerParts
  readonly #welcomes = new Set<NativeStreamSocket>()
  readonly #ready: Connection[] = []
  #accepting = false
  #wake: () => void = () => undefined
  #closed: Promise<void> | undefined

  constructor(parts: ListenerParts) {
    this.#parts = parts
  }

  get address(): string {
    return this.#parts.address
  }

  async accept(options: WaitOptions = {}): Promise<Connection | undefined> {
    if (this.#accepting) {
      throw new VfioError('ERR_VFIO_BUSY', `a connection at ${this.address} is awaited already`)
    }
    this.#accepting = true
    try {
      return await this.#accept(options)
    } finally {
      this.#accepting = false
    }
  }

  async #accept({ timeout, signal }: WaitOptions): Promise<Connection | undefined> {
    const end = timeout === undefined ? undefined : performance.now() + timeout
    for (;;) {
      throwIfAborted(signal)
      const next = this.#ready.shift()
      if (next !== undefined) return next
      if (this.#closed !== undefined) return undefined
      const left = end === undefined ? undefined : Math.max(0, end - performance.now())
      if (left === 0) throw this.#nobodyCame()
      if (this.#welcomes.size >= this.#parts.mostWelcomes) await this.#oneWelcome(left, signal)
      else await this.#acceptSocket(left, signal)
    }
  }

  /** Until a socket is there, a welcome is over, or the wait is. */
  async #acceptSocket(timeout: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    const stop = new AbortController()
    this.#wake = () => stop.abort()
    signal?.addEventListener('abort', this.#wake, { once: true })
    try {
      const socket = await callNative(
        this.address,
        { timeout, signal: stop.signal },
        (milliseconds, cancellation) => this.#parts.native.accept(milliseconds, cancellation),
      )
      this.#begin(socket)
    } catch (error) {
      if (error instanceof VfioAbortError || this.#closed !== undefined) return
      if (error instanceof VfioError && error.code === 'ERR_VFIO_PEER_TIMEOUT') return
      throw error
    } finally {
      signal?.removeEventListener('abort', this.#wake)
      this.#wake = () => undefined
    }
  }

  /** Until one of the welcomes in progress is over, or the wait is. */
  async #oneWelcome(timeout: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      signal?.addEventListener('abort', this.#wake, { once: true })
      if (timeout !== undefined) timer = setTimeout(resolve, timeout)
    })
    clearTimeout(timer)
    signal?.removeEventListener('abort', this.#wake)
    this.#wake = () => undefined
  }

  #begin(socket: NativeStreamSocket): void {
    let connection: Promise<Connection> | Connection
    try {
      connection = this.#parts.welcome(socket)
    } catch (error) {
      this.#refuse(socket, error)
      return
    }
    if (!(connection instanceof Promise)) {
      this.#ready.push(connection)
      return
    }
    this.#welcomes.add(socket)
    connection
      .then(
        (made) => {
          if (this.#closed === undefined) this.#ready.push(made)
          else made.destroy()
        },
        (error: unknown) => this.#refuse(socket, error),
      )
      .finally(() => {
        this.#welcomes.delete(socket)
        this.#wake()
      })
  }

  #refuse(socket: NativeStreamSocket, error: unknown): void {
    socket.destroy()
    void socket.close()
    if (this.#closed === undefined && error instanceof VfioError) this.#parts.onRefused?.(error)
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    for (const socket of this.#welcomes) socket.destroy()
    this.#wake()
    await this.#parts.beforeClose()
    await this.#parts.native.close()
    for (const connection of this.#ready.splice(0)) await connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #nobodyCame(): VfioError {
    return new VfioError('ERR_VFIO_PEER_TIMEOUT', `nobody connected to ${this.address} in time`)
  }
}

/** The address of a native listener of TCP, in figures. */
export function boundPort(native: NativeStreamListener): { readonly host: string; readonly port: number } {
  return unwrap(native.address())
}
