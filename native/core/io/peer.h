// SPDX-License-Identifier: MIT
// Who is at the other end of a UNIX socket.
#pragma once

#include <cstdint>

#include "core/base/result.h"

namespace vfm {

// As it was when the connection was made (SO_PEERCRED), in this process's namespaces.
struct Peer {
  int32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
};

Result<Peer> peerOf(int socket);

}  // namespace vfm
