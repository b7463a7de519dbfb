// SPDX-License-Identifier: MIT
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import { checkPeer } from '../ownership/peer-check.js'
import type { ConnectionPeer } from './connection.js'

/**
 * Who is at the other end of a UNIX socket.
 * @throws {VfioError} `ERR_VFIO_PEER_REFUSED`: neither this user, nor root, nor one of `allowUids`
 */
export function unixPeer(
  socket: NativeStreamSocket,
  address: string,
  allowUids: readonly number[] = [],
): ConnectionPeer {
  const peer = unwrap(socket.peer())
  try {
    checkPeer(peer, allowUids)
  } catch (cause) {
    throw new VfioError('ERR_VFIO_PEER_REFUSED', (cause as Error).message, { cause })
  }
  return { address, pid: peer.pid, uid: peer.uid }
}
