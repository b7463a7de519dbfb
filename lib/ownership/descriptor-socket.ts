// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { errorFrom, isFailure, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type {
  NativeFailure,
  NativeMessageListener,
  NativeMessageSocket,
  NativePeer,
  Outcome,
} from '../native-binding.js'
import { Descriptor } from './descriptor.js'

/** Who is at the other end, as the kernel saw it when the connection was made. */
export type Peer = NativePeer

export interface SocketOptions {
  /** Milliseconds; none unless said. */
  readonly timeout?: number
}

/** A message and what came with it. The receiver owns the descriptors. */
export interface DescriptorMessage {
  readonly bytes: Uint8Array
  readonly descriptors: readonly Descriptor[]
}

const NONE = -1

/**
 * A UNIX socket (SOCK_SEQPACKET) whose messages carry descriptors (SCM_RIGHTS): up to 32 KiB and 8 descriptors each. It waits on threads of
 * its own, and does not keep the process alive while nothing is awaited.
 */
export class DescriptorSocket implements AsyncDisposable {
  readonly #native: NativeMessageSocket

  /** @internal */
  constructor(native: NativeMessageSocket) {
    this.#native = native
  }

  /** @throws {VfioError} `ERR_VFIO_PEER_LOST`: nobody listens at `path`; `ERR_VFIO_PEER_TIMEOUT`, `ERR_VFIO_PERMISSION` */
  static async connect(path: string, options: SocketOptions = {}): Promise<DescriptorSocket> {
    const connected = await binding().connectSocket(path, options.timeout ?? NONE)
    if (!isFailure(connected)) return new DescriptorSocket(connected)
    const cause = errorFrom(connected)
    switch (cause.code) {
      case 'ENOENT':
      case 'ECONNREFUSED':
      case 'EPROTOTYPE':
        throw new VfioError('ERR_VFIO_PEER_LOST', `nobody who takes or lends devices answers at ${path}`, {
          cause,
        })
      case 'ETIMEDOUT':
        throw new VfioError('ERR_VFIO_PEER_TIMEOUT', `whoever listens at ${path} takes no connection`, {
          cause,
        })
      case 'EACCES':
        throw new VfioError('ERR_VFIO_PERMISSION', `no permission to connect to ${path}`, { cause })
      default:
        throw cause
    }
  }

  /** Over a duplicate of a connected socket that was inherited or received. */
  static async over(fd: number): Promise<DescriptorSocket> {
    return new DescriptorSocket(unwrap(await binding().socketOver(fd)))
  }

  get peer(): Peer {
    return unwrap(this.#native.peer())
  }

  /**
   * Sends one message. The descriptors are duplicated before this returns, so they may be closed at once.
   * @throws {VfioError} `ERR_VFIO_PEER_LOST`: the other side has closed; `ERR_VFIO_PEER_TIMEOUT`: it does not read
   */
  async send(bytes: Uint8Array, fds: readonly number[] = [], options: SocketOptions = {}): Promise<void> {
    checked(await this.#native.send(bytes, fds, options.timeout ?? NONE))
  }

  /**
   * The next message; `undefined` when the other side has closed. Every descriptor that came is close-on-exec.
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: larger than the limits, or not all of its descriptors arrived (those that did are
   *   closed); `ERR_VFIO_PEER_TIMEOUT`: nothing came in time
   */
  async receive(options: SocketOptions = {}): Promise<DescriptorMessage | undefined> {
    const received = checked(await this.#native.receive(options.timeout ?? NONE))
    if (received === null) return undefined
    return {
      bytes: new Uint8Array(received.bytes),
      descriptors: received.descriptors.map((native) => new Descriptor(native)),
    }
  }

  /** What was sent still arrives. Calls in progress reject with an `AbortError`. Idempotent. */
  async close(): Promise<void> {
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Listens for such connections. Where it may do so safely is the caller's business: see `prepareSocketPlace`. */
export class DescriptorListener implements AsyncDisposable {
  readonly #native: NativeMessageListener

  private constructor(native: NativeMessageListener) {
    this.#native = native
  }

  /** Makes the node `path`, with mode 0600. @throws {VfioSystemError} `EADDRINUSE`: it exists */
  static async listen(path: string): Promise<DescriptorListener> {
    return new DescriptorListener(unwrap(await binding().listenAt(path)))
  }

  /** The next connection; `undefined` once the listener is closed. */
  async accept(): Promise<DescriptorSocket | undefined> {
    const accepted = await this.#native.accept()
    if (isFailure(accepted) && (accepted.reason === 'cancelled' || accepted.reason === 'closed'))
      return undefined
    return new DescriptorSocket(unwrap(accepted))
  }

  /** The node stays. Idempotent. */
  async close(): Promise<void> {
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const LOST = new Set(['EPIPE', 'ECONNRESET', 'ETIMEDOUT', 'ENOTCONN'])

function checked<T>(outcome: Outcome<T>): T {
  if (!isFailure(outcome)) return outcome
  throw failureOf(outcome)
}

function failureOf(failure: NativeFailure): VfioError {
  const cause = errorFrom(failure)
  if (cause instanceof VfioAbortError || !LOST.has(cause.code)) return cause
  const other = 'the process at the other end of the socket'
  return cause.code === 'ETIMEDOUT'
    ? new VfioError('ERR_VFIO_PEER_TIMEOUT', `${other} does not answer`, { cause })
    : new VfioError('ERR_VFIO_PEER_LOST', `${other} is gone`, { cause })
}
