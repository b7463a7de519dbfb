// SPDX-License-Identifier: MIT
#include "core/io/peer.h"

#include <sys/socket.h>

namespace vfm {

Result<Peer> peerOf(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Failure::system(errno, "getsockopt", "SO_PEERCRED");
  }
  return Peer{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace vfm
