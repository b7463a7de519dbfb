// SPDX-License-Identifier: MIT
// TLS over a socket that was made natively. Each side shows a certificate and checks the other's; then the listener says with one byte that
// it is content: a TLS 1.3 client would learn otherwise only from its first read that its certificate was not.
import { once } from 'node:events'
import { isIP, Socket } from 'node:net'
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import { boundedWait } from './bounded-wait.js'
import type { PeerCertificate, WaitOptions } from './connection.js'
import { peerCertificate, type ShownCertificate } from './peer-certificate.js'
import { TlsBytes } from './tls-bytes.js'

/** Who speaks something else is told so in the handshake. */
const PROTOCOLS = ['vfio-migration/1']
const WELCOME = 0x01

export interface SecuredSocket {
  readonly socket: TLSSocket
  readonly bytes: TlsBytes
  readonly certificate: PeerCertificate
}

/** A node socket over a duplicate of the descriptor, so that the native one can still be asked about the connection. */
export function nodeSocketOver(native: NativeStreamSocket): Socket {
  const socket = new Socket({ fd: unwrap(native.duplicate()), readable: true, writable: true })
  socket.on('error', () => undefined) // told by who uses it
  return socket
}

/**
 * @param host what was connected to: the listener's certificate must have it, or `servername`
 * @throws {VfioError} `ERR_VFIO_PEER_REFUSED`: either side does not believe the other, or it speaks something else
 */
export async function secureClient(
  native: NativeStreamSocket,
  peer: string,
  secure: SecureContextOptions,
  host: string,
  servername: string | undefined,
  wait: WaitOptions,
): Promise<SecuredSocket> {
  const name = servername ?? host
  const socket = connect({
    ...secure,
    socket: nodeSocketOver(native),
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: true,
    ALPNProtocols: PROTOCOLS,
  })
  const bytes = new TlsBytes(socket, peer)
  try {
    const work = (async () => {
      await once(socket, 'secureConnect')
      const [welcome] = (await bytes.read(1, {})) ?? []
      if (welcome !== WELCOME) throw new Error('the listener did not accept the certificate of this side')
    })()
    await boundedWait(work, wait, `${peer} does not answer the TLS handshake in time`)
    return { socket, bytes, certificate: peerCertificate(certificateOf(socket)) }
  } catch (error) {
    socket.destroy()
    throw refusal(error, peer)
  }
}

/** @throws {VfioError} `ERR_VFIO_PEER_REFUSED`, `ERR_VFIO_PEER_TIMEOUT` */
export async function secureServer(
  native: NativeStreamSocket,
  peer: string,
  secure: SecureContextOptions,
  wait: WaitOptions,
): Promise<SecuredSocket> {
  // One for each connection: its events tell of no other.
  const server = createServer({
    ...secure,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: PROTOCOLS,
  })
  const raw = nodeSocketOver(native)
  const handshake = new Promise<TLSSocket>((resolve, reject) => {
    server.once('secureConnection', resolve)
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      const { authorizationError } = socket as { authorizationError?: Error | string | null }
      reject(authorizationError ? new Error(`its certificate: ${String(authorizationError)}`) : error)
    })
  })
  server.emit('connection', raw)
  try {
    const socket = await boundedWait(handshake, wait, `${peer} does not finish the TLS handshake in time`)
    const bytes = new TlsBytes(socket, peer)
    const certificate = peerCertificate(certificateOf(socket))
    await bytes.write(Uint8Array.of(WELCOME), wait)
    return { socket, bytes, certificate }
  } catch (error) {
    raw.destroy()
    throw refusal(error, peer)
  }
}

function certificateOf(socket: TLSSocket): ShownCertificate {
  // Both checks have been made; to rely on that alone would be careless.
  if (!socket.authorized || socket.getProtocol() !== 'TLSv1.3' || socket.alpnProtocol !== PROTOCOLS[0]) {
    throw new Error('the connection is not secured as it has to be')
  }
  return socket.getPeerCertificate()
}

function refusal(error: unknown, peer: string): unknown {
  if (error instanceof VfioError && error.code !== 'ERR_VFIO_PEER_LOST') return error
  const { message } = error as Error
  return new VfioError('ERR_VFIO_PEER_REFUSED', `no TLS connection with ${peer}: ${message}`, {
    cause: error,
  })
}
