// SPDX-License-Identifier: MIT
import { resolve } from 'node:path'
import type { Children } from '../device/children.js'
import type { Device } from '../device/device.js'
import { throwIfAborted, unwrap } from '../errors/index.js'
import type { NativeServer } from '../native-binding.js'
import { type ClientEvent, clientEvent } from './client-event.js'

/** How a device is served. Every limit is advertised to the clients. */
export interface ServeOptions {
  /**
   * Serve a device of the kernel's: its clients then get its DMA, and with it the memory that the IOMMU lets it reach, which is what
   * they map. Never on by itself. Default false.
   */
  readonly passThrough?: boolean
  /**
   * Users (uid) that may connect, besides the one this process runs as and root. With any, the socket's directory may be entered by
   * others, though not written to, and `SO_PEERCRED` alone decides. Default none.
   */
  readonly allowUids?: readonly number[]
  /** Serve in a directory that others can enter or that somebody else owns, all the same. Default false. */
  readonly anyDirectory?: boolean
  /** End with the first client. Default false. */
  readonly once?: boolean
  /** Give clients that ask for one a second socket for the device's DMA. Default true. */
  readonly twinSocket?: boolean
  /**
   * Refuse in stopped states everything that libvfio-user refuses there (all but features, data and regions; in stop-copy also
   * regions): to test clients that will meet it. Default false: the device decides.
   */
  readonly strict?: boolean
  /** Bytes of data in one message, 4 KiB to 64 MiB. Default 1 MiB. */
  readonly maxTransfer?: number
  /** DMA mappings of a client, at most 2^32 - 1. Default 65535. */
  readonly maxDmaMaps?: number
  /** Descriptors in one message, 1 to 253. Default 16. */
  readonly maxMessageDescriptors?: number
  /** Ends the server as {@link VfioUserServer.close} does. */
  readonly signal?: AbortSignal
  /** Told of every client. What it throws is an uncaught exception. */
  readonly onClient?: (event: ClientEvent) => void
}

/** A device that is being served; comes from {@link serve}. Keeps the process alive until it is closed. */
export class VfioUserServer implements AsyncDisposable {
  /** Absolute. */
  readonly path: string
  /** Settles when the server has ended: closed, aborted, or, with `once`, when its client has gone. Never rejects. */
  readonly closed: Promise<void>
  readonly #native: NativeServer
  readonly #siblings: Children
  readonly #onClient: (event: ClientEvent) => void
  readonly #device: string

  /** @internal */
  constructor(
    path: string,
    device: string,
    native: NativeServer,
    siblings: Children,
    options: Pick<ServeOptions, 'signal' | 'onClient'>,
  ) {
    this.path = path
    this.#device = device
    this.#native = native
    this.#siblings = siblings
    this.#onClient = options.onClient ?? (() => {})
    const abort = (): void => native.stop()
    options.signal?.addEventListener('abort', abort, { once: true })
    if (options.signal?.aborted) abort()
    this.closed = this.#watch().finally(() => options.signal?.removeEventListener('abort', abort))
  }

  async #watch(): Promise<void> {
    for (;;) {
      const event = unwrap(await this.#native.next(), this.#device)
      if (event === null) break
      try {
        this.#onClient(clientEvent(event, this.#device))
      } catch (error) {
        process.nextTick(() => {
          throw error
        })
      }
    }
    this.#siblings.delete(this)
    await this.#native.close()
  }

  /**
   * Lets the client go, removes the socket, and settles when the device is in order: a request that is in a driver is waited for.
   * The device stays open. Idempotent.
   */
  close(): Promise<void> {
    this.#native.stop()
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Serves an open device over vfio-user on a UNIX socket, to one client after the other (more wait their turn). What the library can open it
 * can serve; a simulated device so outlives the process that uses it.
 *
 * The device and its state stay when a client goes, at whatever byte. What it had mapped and armed is undone; a save that it gave up
 * leaves the device running (pre-copy) or stopped (stop-and-copy), a load that it gave up ends in a reset.
 *
 * The socket is made with mode 0600 in a directory that only its owner can enter; a socket that nobody listens on is replaced.
 *
 * @param path of the socket; its directory must exist
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: a kernel's device without `passThrough`; `ERR_VFIO_MALFORMED`: a limit out of range
 * @throws {VfioSystemError} `EACCES`: the directory can be entered by others; `EADDRINUSE`: somebody listens there; `EEXIST`: something
 *   that is no socket is there; `ENOENT`, ...
 */
export async function serve(
  device: Device,
  path: string,
  options: ServeOptions = {},
): Promise<VfioUserServer> {
  throwIfAborted(options.signal)
  const absolute = resolve(path)
  const limit = (value: number | undefined, usual: number): number => {
    if (value === undefined) return usual
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new RangeError(`a limit of a vfio-user server is an integer of 32 bits, not ${value}`)
    return value
  }
  return device.startServer(
    absolute,
    {
      passThrough: options.passThrough ?? false,
      allowedUsers: (options.allowUids ?? []).map((uid) => limit(uid, 0)),
      anyDirectory: options.anyDirectory ?? false,
      once: options.once ?? false,
      twinSocket: options.twinSocket ?? true,
      strict: options.strict ?? false,
      maxMessageDescriptors: limit(options.maxMessageDescriptors, 16),
      maxTransfer: limit(options.maxTransfer, 1024 * 1024),
      maxDmaMaps: limit(options.maxDmaMaps, 65_535),
    },
    (native, siblings) => new VfioUserServer(absolute, device.spec, native, siblings, options),
  )
}
