// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { parseAddress } from './address.js'
import { connectSocket } from './connect-socket.js'
import type { Connection } from './connection.js'
import type { ConnectOptions } from './options.js'
import { PlainConnection } from './plain-connection.js'
import { unixPeer } from './plain-peer.js'

/** Milliseconds. */
const CONNECT_WITHIN = 30_000

/**
 * Connects to `unix:PATH`, `tcp:HOST:PORT` or `tls:HOST:PORT`. The addresses that a host's name has are tried one after the other.
 * @throws {VfioError} `ERR_VFIO_ADDRESS`; `ERR_VFIO_PEER_LOST`: nobody listens there; `ERR_VFIO_PEER_TIMEOUT`; `ERR_VFIO_PEER_REFUSED`: the
 *   listener is not who it has to be, or does not want this side; `ERR_VFIO_PERMISSION`
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Connection> {
  const to = parseAddress(address)
  if (to.kind === 'tls') throw new VfioError('ERR_VFIO_UNSUPPORTED', 'TLS is not there yet')
  const { timeout = CONNECT_WITHIN, signal } = options
  const socket = await connectSocket(to, { timeout, signal })
  try {
    const peer = to.kind === 'unix' ? unixPeer(socket, address, options.allowUids) : { address }
    return new PlainConnection(socket, peer, options)
  } catch (error) {
    await socket.close()
    throw error
  }
}
