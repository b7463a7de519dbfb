// SPDX-License-Identifier: MIT
import { unlink } from 'node:fs/promises'
import { VfioError } from '../errors/index.js'
import type { Bundle } from './bundle.js'
import { ClientConnection } from './client-connection.js'
import type { DescriptorListener, DescriptorSocket } from './descriptor-socket.js'
import { HeldEntry } from './held-entry.js'
import { type DeviceFacts, encodeReply, type HeldDevice, maxDevices, printable } from './messages.js'
import { checkPeer } from './peer-check.js'
import { listenSafely } from './socket-place.js'

export interface KeeperOptions {
  /** Where clients connect: a path of at most 107 bytes, in a directory that only its owner can enter. It is made if it is missing. */
  readonly socket: string
  /** Users that are served besides this process's own and root. Default none. */
  readonly allowUids?: readonly number[]
  /** Most connections at a time. Default 32. */
  readonly maxClients?: number
  /** Milliseconds after which a client that has borrowed nothing and asks nothing is cut off. Default 30 000. */
  readonly idleTimeout?: number
}

const MAX_CLIENTS = 32
const IDLE = 30_000
/** How long a client may take to read what it asked for, in milliseconds. */
const READ_WITHIN = 5000

/**
 * Holds devices open for clients that may crash or be replaced, and lends them duplicates of the descriptors over a UNIX socket
 * (docs/ownership.md). It never asks the devices anything itself.
 */
export class KeeperServer implements AsyncDisposable {
  readonly path: string
  readonly #listener: DescriptorListener
  readonly #options: KeeperOptions
  readonly #entries = new Map<string, HeldEntry>()
  readonly #clients = new Set<ClientConnection>()
  readonly #accepting: Promise<void>
  #closing: Promise<void> | undefined

  private constructor(listener: DescriptorListener, options: KeeperOptions) {
    this.path = options.socket
    this.#listener = listener
    this.#options = options
    this.#accepting = this.#accept()
  }

  /** @throws {VfioError} `ERR_VFIO_SOCKET_PLACE`, `ERR_VFIO_IN_USE` */
  static async listen(options: KeeperOptions): Promise<KeeperServer> {
    const listener = await listenSafely(options.socket, (options.allowUids ?? []).length > 0)
    return new KeeperServer(listener, options)
  }

  /** What is held now, as the clients left it. */
  get devices(): HeldDevice[] {
    return [...this.#entries.values()].map((entry) => entry.status)
  }

  /**
   * Holds another device. The descriptors are the keeper's from success on.
   * @throws {VfioError} `ERR_VFIO_IN_USE`: it holds one of that name; `ERR_VFIO_BUSY`: it holds as many as it can
   */
  add(facts: DeviceFacts, bundle: Bundle): void {
    if (this.#closing) throw new VfioError('ERR_VFIO_CLOSED', 'the keeper is closed')
    if (this.#entries.has(facts.name)) {
      throw new VfioError('ERR_VFIO_IN_USE', `a device called ${facts.name} is held already`)
    }
    if (this.#entries.size >= maxDevices) {
      throw new VfioError('ERR_VFIO_BUSY', `a keeper holds ${maxDevices} devices at most`)
    }
    this.#entries.set(facts.name, new HeldEntry(facts, bundle))
  }

  /** @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE` naming what there is */
  find(name: string | undefined): HeldEntry {
    const [only, another] = this.#entries.values()
    const found = name === undefined ? (another === undefined ? only : undefined) : this.#entries.get(name)
    if (found !== undefined) return found
    const names = [...this.#entries.keys()].join(', ')
    const held = names === '' ? 'no device is held' : `held are ${names}`
    throw new VfioError(
      'ERR_VFIO_NO_SUCH_DEVICE',
      name === undefined ? `say which device (#NAME): ${held}` : `${name} is not held: ${held}`,
    )
  }

  /** Lets go of a device that a client takes for good. */
  async forget(entry: HeldEntry): Promise<void> {
    this.#entries.delete(entry.facts.name)
    await entry.close()
  }

  async #accept(): Promise<void> {
    for (;;) {
      let socket: DescriptorSocket | undefined
      try {
        socket = await this.#listener.accept()
      } catch (error) {
        // Nobody is waiting for this: the devices stay held, but no new client gets in.
        process.emitWarning(`no more clients: ${String(error)}`, 'VfioKeeper')
        return
      }
      if (socket === undefined) return
      this.#admit(socket)
    }
  }

  #admit(socket: DescriptorSocket): void {
    const { allowUids = [], maxClients = MAX_CLIENTS, idleTimeout = IDLE } = this.#options
    try {
      checkPeer(socket.peer, allowUids)
      if (this.#closing || this.#clients.size >= maxClients) {
        throw new VfioError('ERR_VFIO_BUSY', `${this.#clients.size} clients are connected`)
      }
    } catch (error) {
      void turnAway(socket, error)
      return
    }
    const client = new ClientConnection(this, socket, { idleTimeout, readWithin: READ_WITHIN })
    this.#clients.add(client)
    void client.done.finally(() => this.#clients.delete(client))
  }

  /**
   * Ends every lease and lets go of every device: a real one that no client has open is reset by its driver. Removes the socket.
   * Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      // First, so that nobody finds a node without a listener.
      await unlink(this.path).catch(() => {})
      await this.#listener.close()
      await this.#accepting
      await Promise.all([...this.#clients].map((client) => client.close()))
      for (const entry of this.#entries.values()) await entry.close()
      this.#entries.clear()
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function turnAway(socket: DescriptorSocket, error: unknown): Promise<void> {
  try {
    await socket.send(refusal(error), [], { timeout: READ_WITHIN })
  } catch {
    // It will learn that the connection is closed.
  } finally {
    await socket.close()
  }
}

/** A failure as the client is told it. */
export function refusal(error: unknown): Uint8Array {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return encodeReply({
    type: 'refused',
    code: typeof code === 'string' ? printable(code).slice(0, 64) : 'ERR_VFIO_NOT_HANDED_OVER',
    message: printable(typeof message === 'string' ? message : String(error)),
  })
}
