// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { bundleFrom, closeBundle } from './bundle.js'
import type { Descriptor } from './descriptor.js'
import type { DescriptorMessage, DescriptorSocket } from './descriptor-socket.js'
import type { HeldEntry, Lease } from './held-entry.js'
import { type KeeperServer, refusal } from './keeper-server.js'
import { decodeRequest, encodeReply, type Request } from './messages.js'

export interface ClientLimits {
  readonly idleTimeout: number
  readonly readWithin: number
}

interface Answer {
  readonly bytes: Uint8Array
  /** Borrowed from the entry. */
  readonly fds?: readonly number[]
}

/**
 * One client of a keeper: one request after the other, one lease at most. A client that says something impossible, does not read its
 * answer or goes silent without a lease is cut off; the lease ends with the connection, and so with the client's process.
 */
export class ClientConnection {
  readonly #keeper: KeeperServer
  readonly #socket: DescriptorSocket
  readonly #limits: ClientLimits
  #lease: { readonly entry: HeldEntry; readonly lease: Lease } | undefined
  /** Settles when the connection is closed and the lease is over. Never rejects. */
  readonly done: Promise<void>

  constructor(keeper: KeeperServer, socket: DescriptorSocket, limits: ClientLimits) {
    this.#keeper = keeper
    this.#socket = socket
    this.#limits = limits
    this.done = this.#serve()
  }

  async #serve(): Promise<void> {
    try {
      while (await this.#serveOne()) {
        // The next request.
      }
    } catch {
      // Gone, silent or cut off: nobody is left to be told.
    } finally {
      this.#endLease()
      await this.#socket.close()
    }
  }

  async #serveOne(): Promise<boolean> {
    const { idleTimeout, readWithin } = this.#limits
    let received: DescriptorMessage | undefined
    let request: Request
    try {
      received = await this.#socket.receive(this.#lease === undefined ? { timeout: idleTimeout } : {})
      if (received === undefined) return false
      request = decodeRequest(received.bytes)
    } catch (error) {
      await closeAll(received?.descriptors ?? [])
      if (error instanceof VfioError && error.code === 'ERR_VFIO_MALFORMED') {
        await this.#socket.send(refusal(error), [], { timeout: readWithin })
      }
      return false
    }
    const { bytes, fds } = await this.#answer(request, received.descriptors)
    await this.#socket.send(bytes, fds, { timeout: readWithin })
    return true
  }

  async #answer(request: Request, descriptors: readonly Descriptor[]): Promise<Answer> {
    try {
      if (request.type !== 'give' && request.type !== 'report' && descriptors.length > 0) {
        await closeAll(descriptors)
        throw new VfioError('ERR_VFIO_MALFORMED', `a request to ${request.type} takes no descriptors`)
      }
      switch (request.type) {
        case 'list':
          return { bytes: encodeReply({ type: 'devices', devices: this.#keeper.devices }) }
        case 'borrow':
          return this.#borrow(request.name, request.shared ?? false)
        case 'give':
          await this.#take(request, descriptors)
          return done()
        case 'report':
          await this.#report(request, descriptors)
          return done()
        case 'forget':
          await this.#forget()
          return done()
      }
    } catch (error) {
      return { bytes: refusal(error) }
    }
  }

  #borrow(name: string | undefined, shared: boolean): Answer {
    if (this.#lease !== undefined) {
      throw new VfioError(
        'ERR_VFIO_BUSY',
        `this connection has borrowed ${this.#lease.entry.facts.name} already`,
      )
    }
    const entry = this.#keeper.find(name)
    const lease: Lease = { pid: this.#socket.peer.pid, shared }
    entry.lend(lease)
    this.#lease = { entry, lease }
    const { roles, fds } = entry.descriptors
    return { bytes: encodeReply({ type: 'device', device: entry.facts, roles }), fds }
  }

  async #take(
    request: Extract<Request, { type: 'give' }>,
    descriptors: readonly Descriptor[],
  ): Promise<void> {
    const bundle = await bundleFrom(request.roles, descriptors)
    try {
      this.#keeper.add(request.device, bundle)
    } catch (error) {
      await closeBundle(bundle)
      throw error
    }
  }

  async #report(
    request: Extract<Request, { type: 'report' }>,
    descriptors: readonly Descriptor[],
  ): Promise<void> {
    const bundle = await bundleFrom(request.roles, descriptors)
    const session = bundle.get('session')
    if (this.#lease === undefined || bundle.size > (session === undefined ? 0 : 1)) {
      await closeBundle(bundle)
      throw this.#lease === undefined
        ? new VfioError('ERR_VFIO_NOT_HANDED_OVER', 'nothing is borrowed over this connection')
        : new VfioError('ERR_VFIO_MALFORMED', 'a report takes the descriptor of a session only')
    }
    await this.#lease.entry.report(request.state, session)
  }

  async #forget(): Promise<void> {
    const lease = this.#lease
    if (lease === undefined) {
      throw new VfioError('ERR_VFIO_NOT_HANDED_OVER', 'nothing is borrowed over this connection')
    }
    if (lease.entry.leases > 1) {
      throw new VfioError('ERR_VFIO_IN_USE', `${lease.entry.facts.name} is shared with other clients`)
    }
    this.#endLease()
    await this.#keeper.forget(lease.entry)
  }

  #endLease(): void {
    this.#lease?.entry.takeBack(this.#lease.lease)
    this.#lease = undefined
  }

  /** Cuts the client off; what it was told still arrives. */
  async close(): Promise<void> {
    await this.#socket.close()
    await this.done
  }
}

function done(): Answer {
  return { bytes: encodeReply({ type: 'done' }) }
}

async function closeAll(descriptors: readonly Descriptor[]): Promise<void> {
  await Promise.all(descriptors.map((descriptor) => descriptor.close()))
}
