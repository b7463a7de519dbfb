// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { type Bundle, bundleFrom, bundleOf, closeBundle, factsOf } from './bundle.js'
import type { Descriptor } from './descriptor.js'
import { DescriptorSocket } from './descriptor-socket.js'
import {
  type DeviceFacts,
  decodeReply,
  encodeRequest,
  type HeldDevice,
  type Reply,
  type Request,
} from './messages.js'
import { checkPeer } from './peer-check.js'

export interface KeeperClientOptions {
  /** Users whose process may be at the other end, besides this one's own and root. */
  readonly trustUids?: readonly number[]
  /** Milliseconds for each answer. Default 10 000. */
  readonly timeout?: number
}

const ANSWER_WITHIN = 10_000

/** What a keeper lends: the descriptors, which are the borrower's own duplicates, and what was said of the device. */
export interface Borrowed {
  readonly facts: DeviceFacts
  readonly bundle: Bundle
}

type Unversioned<T> = T extends unknown ? Omit<T, 'vfio'> : never

/** A connection to a keeper, or to anybody who takes devices: one request at a time, one lease at most. */
export class Keeper implements AsyncDisposable {
  readonly #socket: DescriptorSocket
  readonly #timeout: number
  #turn: Promise<unknown> = Promise.resolve()
  // After a missing or impossible answer a later one could be taken for it. The connection stays open: it is the lease.
  #broken: unknown

  private constructor(socket: DescriptorSocket, timeout: number) {
    this.#socket = socket
    this.#timeout = timeout
  }

  /** @throws {VfioError} `ERR_VFIO_PEER_LOST`: nobody listens there; `ERR_VFIO_PERMISSION`: a stranger does */
  static async connect(path: string, options: KeeperClientOptions = {}): Promise<Keeper> {
    const timeout = options.timeout ?? ANSWER_WITHIN
    const socket = await DescriptorSocket.connect(path, { timeout })
    try {
      checkPeer(socket.peer, options.trustUids)
    } catch (error) {
      await socket.close()
      throw error
    }
    return new Keeper(socket, timeout)
  }

  /** What it holds. */
  async devices(): Promise<HeldDevice[]> {
    return (await this.#ask({ type: 'list' }, 'devices')).reply.devices
  }

  /**
   * Borrows a device. The lease ends with this connection. `openDevice('held:PATH#NAME')` does it all.
   * @param name may be left out where only one is held
   * @param options.shared share it with others who say so too; by default nobody else may have it
   * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`, `ERR_VFIO_IN_USE`
   */
  async borrow(name?: string, options: { readonly shared?: boolean } = {}): Promise<Borrowed> {
    const { reply, descriptors } = await this.#ask(
      { type: 'borrow', ...(name === undefined ? {} : { name }), shared: options.shared ?? false },
      'device',
    )
    return { facts: reply.device, bundle: await bundleFrom(reply.roles, descriptors) }
  }

  /** Tells the state of the borrowed device, and leaves the session that the state change brought, so that another client can go on with it. */
  async report(state: string, session?: number): Promise<void> {
    await this.#ask(
      { type: 'report', state, roles: session === undefined ? [] : ['session'] },
      'done',
      session === undefined ? [] : [session],
    )
  }

  /**
   * Gives it a device to hold: duplicates of all its descriptors. The device stays open here too.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: a device without descriptors; `ERR_VFIO_IN_USE`: one of that name is held
   */
  async give(device: MigratableDevice, name?: string): Promise<void> {
    const facts = await factsOf(device, name)
    const bundle = await bundleOf(device)
    try {
      const entries = [...bundle]
      await this.#ask(
        { type: 'give', device: facts, roles: entries.map(([role]) => role) },
        'done',
        entries.map(([, { fd }]) => fd),
      )
    } finally {
      await closeBundle(bundle)
    }
  }

  /** Has it let go of the borrowed device for good: from then on the borrower alone holds it. */
  async forget(): Promise<void> {
    await this.#ask({ type: 'forget' }, 'done')
  }

  #ask<Type extends Reply['type']>(
    request: Unversioned<Request>,
    type: Type,
    fds: readonly number[] = [],
  ): Promise<{ reply: Extract<Reply, { type: Type }>; descriptors: readonly Descriptor[] }> {
    const answered = this.#turn.then(() => this.#exchange(encodeRequest(request), type, fds))
    this.#turn = answered.catch(() => {})
    return answered
  }

  async #exchange<Type extends Reply['type']>(
    bytes: Uint8Array,
    type: Type,
    fds: readonly number[],
  ): Promise<{ reply: Extract<Reply, { type: Type }>; descriptors: readonly Descriptor[] }> {
    if (this.#broken !== undefined) throw this.#broken
    const { reply, descriptors } = await this.#sendAndReceive(bytes, fds)
    try {
      if (reply.type === 'refused') throw new VfioError(reply.code, reply.message)
      if (!isOf(reply, type) || (type !== 'device' && descriptors.length > 0)) {
        throw new VfioError('ERR_VFIO_MALFORMED', `the answer is of type ${reply.type}, not ${type}`)
      }
      return { reply, descriptors }
    } catch (error) {
      await Promise.all(descriptors.map((descriptor) => descriptor.close()))
      throw error
    }
  }

  async #sendAndReceive(
    bytes: Uint8Array,
    fds: readonly number[],
  ): Promise<{ reply: Reply; descriptors: readonly Descriptor[] }> {
    const timeout = this.#timeout
    let descriptors: readonly Descriptor[] = []
    try {
      await this.#socket.send(bytes, fds, { timeout })
      const answer = await this.#socket.receive({ timeout })
      if (answer === undefined) {
        throw new VfioError('ERR_VFIO_PEER_LOST', 'the process at the other end of the socket is gone')
      }
      descriptors = answer.descriptors
      return { reply: decodeReply(answer.bytes), descriptors }
    } catch (error) {
      this.#broken = error
      await Promise.all(descriptors.map((descriptor) => descriptor.close()))
      throw error
    }
  }

  /** Ends the lease. Idempotent. */
  close(): Promise<void> {
    return this.#socket.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function isOf<Type extends Reply['type']>(reply: Reply, type: Type): reply is Extract<Reply, { type: Type }> {
  return reply.type === type
}
