// SPDX-License-Identifier: MIT
// What the user of a vfio-user device may choose.
#pragma once

#include "core/vfio_user/socket.h"

namespace vfm::vfio_user {

struct ClientOptions {
  Milliseconds connectTimeout{10'000};  // until the server has accepted us and answered VERSION
  Milliseconds requestTimeout{10'000};  // for the reply to anything that changes no state
  Milliseconds stateTimeout{30'000};    // for state changes and reset
  // Ask for a socket of their own for the server's DMA requests; servers may not have it.
  bool twinSocket = true;
  // The most data in one message, either way, before the server's own limit.
  uint32_t maxTransfer = 1 << 20;
};

}  // namespace vfm::vfio_user
