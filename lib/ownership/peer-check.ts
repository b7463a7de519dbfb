// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { Peer } from './descriptor-socket.js'

/**
 * Whoever is at the other end of a socket that devices are handed over must be the same user, root, or one who was named.
 * @throws {VfioError} `ERR_VFIO_PERMISSION`
 */
export function checkPeer(peer: Peer, allowedUids: readonly number[] = []): void {
  const user = process.geteuid?.() ?? 0
  if (peer.uid === user || peer.uid === 0 || allowedUids.includes(peer.uid)) return
  throw new VfioError(
    'ERR_VFIO_PERMISSION',
    `process ${peer.pid} at the other end of the socket belongs to user ${peer.uid}; user ${user} and root are trusted, others by name`,
  )
}
