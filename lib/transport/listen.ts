// SPDX-License-Identifier: MIT
import type { Stats } from 'node:fs'
import { chmod, lstat, unlink } from 'node:fs/promises'
import type { SecureContextOptions } from 'node:tls'
import { binding } from '../binding.js'
import { errorFrom, isFailure, unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamListener, NativeStreamSocket } from '../native-binding.js'
import { prepareSocketPlace } from '../ownership/socket-place.js'
import { formatAddress, meansAllInterfaces, parseAddress, refused, type TransportAddress } from './address.js'
import { connectSocket, resolveHost, unixPort } from './connect-socket.js'
import { boundPort, type Listener, SocketListener, type Welcome } from './listener.js'
import type { ListenOptions } from './options.js'
import { defaultLinkTimeout, PlainConnection } from './plain-connection.js'
import { unixPeer } from './plain-peer.js'
import { TlsConnection } from './tls-connection.js'
import { secureServer } from './tls-handshake.js'
import { secureOptions } from './tls-identity.js'

/** How long somebody who listens at an old node may take to show it, in milliseconds. */
const ANSWER_WITHIN = 2000

const DEFAULT_HANDSHAKES = 16

/** Milliseconds. */
const HANDSHAKE_WITHIN = 10_000

/**
 * Listens at `unix:PATH`, `tcp:HOST:PORT` or `tls:HOST:PORT`. A UNIX socket lies in a directory that only its owner can enter (others may,
 * where `allowUids` names them), and its node goes with the listener. An address that means all interfaces is refused unless
 * `allInterfaces` says so.
 * @throws {VfioError} `ERR_VFIO_ADDRESS`; `ERR_VFIO_IN_USE`: somebody listens there; `ERR_VFIO_SOCKET_PLACE`; `ERR_VFIO_PERMISSION`
 */
export async function listen(address: string, options: ListenOptions = {}): Promise<Listener> {
  const at = parseAddress(address)
  return at.kind === 'unix' ? await listenUnix(at.path, options) : await listenInternet(at, options)
}

async function listenUnix(path: string, options: ListenOptions): Promise<Listener> {
  const { allowUids = [] } = options
  const address = formatAddress({ kind: 'unix', path })
  await prepareSocketPlace(path, allowUids.length > 0, whoListens)
  const native = await bind(path, unixPort, address)
  const node = await lstat(path)
  if (allowUids.length > 0) await chmod(path, 0o666)
  const welcome: Welcome = (socket) =>
    new PlainConnection(socket, unixPeer(socket, address, allowUids), options)
  return new SocketListener({
    ...commonParts(options),
    native,
    address,
    welcome,
    beforeClose: () => removeNode(path, node),
  })
}

async function listenInternet(
  at: Extract<TransportAddress, { host: string }>,
  options: ListenOptions,
): Promise<Listener> {
  const asked = formatAddress(at)
  const [host = at.host] = await resolveHost(at.host, asked, {})
  if (meansAllInterfaces(host) && options.allInterfaces !== true) {
    throw refused(
      asked,
      'it means every interface of this machine; name one of its addresses, or say allInterfaces',
    )
  }
  const secure = at.kind === 'tls' ? await secureOptions(options.tls) : undefined
  const native = await bind(host, at.port, asked)
  const address = formatAddress({ kind: at.kind, ...boundPort(native) })
  const welcome = secure === undefined ? plainWelcome(options) : tlsWelcome(secure, options)
  return new SocketListener({
    ...commonParts(options),
    native,
    address,
    welcome,
    beforeClose: async () => undefined,
  })
}

function plainWelcome(options: ListenOptions): Welcome {
  return (socket) => {
    const from = unwrap(socket.peerAddress())
    return new PlainConnection(socket, { address: formatAddress({ kind: 'tcp', ...from }) }, options)
  }
}

function tlsWelcome(secure: SecureContextOptions, options: ListenOptions): Welcome {
  const { handshakeTimeout = HANDSHAKE_WITHIN, linkTimeout = defaultLinkTimeout } = options
  return async (socket) => {
    const address = formatAddress({ kind: 'tls', ...unwrap(socket.peerAddress()) })
    unwrap(socket.setLinkTimeout(linkTimeout, false))
    const secured = await secureServer(socket, address, secure, { timeout: handshakeTimeout })
    return new TlsConnection(socket, secured, address, options)
  }
}

function commonParts({ maxHandshakes = DEFAULT_HANDSHAKES, onRefused }: ListenOptions) {
  return { mostWelcomes: maxHandshakes, onRefused }
}

async function bind(host: string, port: number, address: string): Promise<NativeStreamListener> {
  const bound = await binding().listenStream(host, port)
  if (!isFailure(bound)) return bound
  const cause = errorFrom(bound)
  switch (cause.code) {
    case 'EADDRINUSE':
      throw new VfioError('ERR_VFIO_IN_USE', `somebody listens at ${address} already`, { cause })
    case 'EADDRNOTAVAIL':
      throw new VfioError('ERR_VFIO_ADDRESS', `${address} is no address of this machine`, { cause })
    case 'EACCES':
    case 'EPERM':
      throw new VfioError('ERR_VFIO_PERMISSION', `no permission to listen at ${address}`, { cause })
    default:
      throw cause
  }
}

async function whoListens(path: string): Promise<string | undefined> {
  let socket: NativeStreamSocket
  try {
    socket = await connectSocket({ kind: 'unix', path }, { timeout: ANSWER_WITHIN })
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause?.code
    if (cause === 'ECONNREFUSED') return undefined
    if (cause === 'EPROTOTYPE') return 'a process that takes another kind of connection'
    throw error
  }
  const peer = socket.peer()
  await socket.close()
  return isFailure(peer) ? 'somebody' : `process ${peer.pid}`
}

/** As long as it is the one that was made here. */
async function removeNode(path: string, made: Stats): Promise<void> {
  try {
    const found = await lstat(path)
    if (found.ino === made.ino && found.dev === made.dev) await unlink(path)
  } catch {
    // Gone already, or its directory is closed to us now.
  }
}
