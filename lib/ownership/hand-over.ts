// SPDX-License-Identifier: MIT
import { unlink } from 'node:fs/promises'
import { throwIfAborted, VfioAbortError, VfioError } from '../errors/index.js'
import { MigratableDevice } from '../migration/migratable-device.js'
import { bundleFrom, closeBundle, openBundle } from './bundle.js'
import type { DescriptorMessage, DescriptorSocket, Peer } from './descriptor-socket.js'
import { Keeper, type KeeperClientOptions } from './keeper.js'
import { refusal } from './keeper-server.js'
import { type DeviceFacts, decodeRequest, encodeReply } from './messages.js'
import { checkPeer } from './peer-check.js'
import { listenSafely } from './socket-place.js'

export interface HandOverOptions extends KeeperClientOptions {
  /** A socket where somebody takes devices: a keeper, or a process in {@link receiveDevice}. */
  readonly to: string
  /** What it is called there. Default: as it was specified here. */
  readonly name?: string
  /** Keep the device open here too. Default false: it is closed once it was taken. */
  readonly keep?: boolean
}

/**
 * Hands a device over to another process, with its group, container or iommufd, and with the data descriptor of the migration state it
 * is in, if no save or load has taken that. The device stays as it is: at no time does nobody hold it.
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: a device of this process has no descriptors; `ERR_VFIO_PEER_LOST`, `ERR_VFIO_PERMISSION`, or the
 *   code with which the other side refused it; it is still open here then
 */
export async function handOver(device: MigratableDevice, options: HandOverOptions): Promise<void> {
  await using keeper = await Keeper.connect(options.to, options)
  await keeper.give(device, options.name)
  if (!options.keep) await device.close()
}

export interface ReceiveDeviceOptions {
  /** Users from whom it is taken, besides this process's own and root. */
  readonly allowUids?: readonly number[]
  /** Stops waiting. */
  readonly signal?: AbortSignal
}

/** A device that was handed over, in the state in which it came. The receiver closes it. */
export interface ReceivedDevice {
  readonly device: MigratableDevice
  readonly facts: DeviceFacts
  readonly from: Peer
}

/** A connection that says nothing does not keep others waiting for longer, in milliseconds. */
const SAY_WITHIN = 5000

/**
 * Waits at a socket until one device is handed over ({@link handOver}), and opens it without resetting it. A session that came with it
 * is adopted: `migration.save()` or `load()` goes on with it. The socket is removed afterwards.
 * @param path as of a keeper's socket: in a directory that only its owner can enter, which is made if it is missing
 * @throws {VfioError} `ERR_VFIO_SOCKET_PLACE`, `ERR_VFIO_IN_USE`; `ABORT_ERR`
 */
export async function receiveDevice(
  path: string,
  options: ReceiveDeviceOptions = {},
): Promise<ReceivedDevice> {
  const { allowUids = [], signal } = options
  throwIfAborted(signal)
  const listener = await listenSafely(path, allowUids.length > 0)
  const stop = (): void => void listener.close()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      const socket = await listener.accept()
      if (socket === undefined) throw new VfioAbortError(signal?.reason)
      const received = await receiveFrom(socket, allowUids)
      if (received !== undefined) return received
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await unlink(path).catch(() => {})
    await listener.close()
  }
}

/** What one connection brings; nothing when it was refused or went away. */
async function receiveFrom(
  socket: DescriptorSocket,
  allowUids: readonly number[],
): Promise<ReceivedDevice | undefined> {
  const timeout = { timeout: SAY_WITHIN }
  try {
    const from = socket.peer
    checkPeer(from, allowUids)
    const message = await socket.receive(timeout)
    if (message === undefined) return undefined
    const { device, facts } = await openReceived(message)
    try {
      await socket.send(encodeReply({ type: 'done' }), [], timeout)
    } catch {
      // It will not learn that the device was taken, but taken it is.
    }
    return { device, facts, from }
  } catch (error) {
    await socket.send(refusal(error), [], timeout).catch(() => {})
    return undefined
  } finally {
    await socket.close()
  }
}

async function openReceived(
  message: DescriptorMessage,
): Promise<{ device: MigratableDevice; facts: DeviceFacts }> {
  let request: ReturnType<typeof decodeRequest>
  try {
    request = decodeRequest(message.bytes)
    if (request.type !== 'give') {
      throw new VfioError('ERR_VFIO_UNSUPPORTED', 'here a device can only be given: this is no keeper')
    }
  } catch (error) {
    await Promise.all(message.descriptors.map((descriptor) => descriptor.close()))
    throw error
  }
  const { device: facts, roles } = request
  const bundle = await bundleFrom(roles, message.descriptors)
  try {
    const { native, identity } = await openBundle(bundle, facts.name, facts)
    const device = new MigratableDevice(native, identity)
    const session = bundle.get('session')
    try {
      if (session !== undefined) {
        const migration = await device.migration()
        await migration.adoptSession(await device.adoptSession(session.fd))
      }
    } catch (error) {
      await device.close()
      throw error
    }
    return { device, facts }
  } finally {
    await closeBundle(bundle)
  }
}
