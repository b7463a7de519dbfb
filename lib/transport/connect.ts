// SPDX-License-Identifier: MIT
import { unwrap } from '../errors/index.js'
import { parseAddress } from './address.js'
import { connectSocket } from './connect-socket.js'
import type { Connection } from './connection.js'
import type { ConnectOptions } from './options.js'
import { defaultLinkTimeout, PlainConnection } from './plain-connection.js'
import { unixPeer } from './plain-peer.js'
import { TlsConnection } from './tls-connection.js'
import { secureClient } from './tls-handshake.js'
import { secureOptions } from './tls-identity.js'

/** Milliseconds. */
const CONNECT_WITHIN = 30_000

/**
 * Connects to `unix:PATH`, `tcp:HOST:PORT` or `tls:HOST:PORT`. The addresses that a host's name has are tried one after the other.
 * @throws {VfioError} `ERR_VFIO_ADDRESS`; `ERR_VFIO_PEER_LOST`: nobody listens there; `ERR_VFIO_PEER_TIMEOUT`; `ERR_VFIO_PEER_REFUSED`: the
 *   listener is not who it has to be, or does not want this side; `ERR_VFIO_PERMISSION`
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Connection> {
  const to = parseAddress(address)
  const { timeout = CONNECT_WITHIN, signal } = options
  const end = performance.now() + timeout
  const secure = to.kind === 'tls' ? await secureOptions(options.tls) : undefined
  const socket = await connectSocket(to, { timeout, signal })
  try {
    if (to.kind === 'unix') {
      return new PlainConnection(socket, unixPeer(socket, address, options.allowUids), options)
    }
    if (secure === undefined) return new PlainConnection(socket, { address }, options)
    unwrap(socket.setLinkTimeout(options.linkTimeout ?? defaultLinkTimeout, false))
    const wait = { timeout: end - performance.now(), signal }
    const secured = await secureClient(socket, address, secure, to.host, options.tls?.servername, wait)
    return new TlsConnection(socket, secured, address, options)
  } catch (error) {
    socket.destroy()
    await socket.close()
    throw error
  }
}
