// SPDX-License-Identifier: MIT
// How a device is served, and what is told of its clients.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/vfio_user/socket.h"

namespace vfm::vfio_user {

struct ServeOptions {
  // A device of the kernel's is served only so: its client gets that device's DMA.
  bool passThrough = false;
  // Besides the server's own user and root. Not empty: others can enter the socket's directory.
  std::vector<uid_t> allowedUsers;
  bool anyDirectory = false;  // serve in a directory that others can enter, all the same
  bool once = false;          // end with the first client
  bool twinSocket = true;     // offer one to clients that ask
  // Refuse in stopped states what libvfio-user refuses there, for clients that must get along with it.
  bool strict = false;

  uint32_t maxMessageDescriptors = 16;  // 1 to 253
  uint64_t maxTransfer = 1 << 20;       // bytes, 4096 to 64 MiB
  uint64_t maxDmaMaps = 65535;

  Milliseconds handshake{10'000};  // for the first message
  Milliseconds stall{10'000};      // without progress inside a message
  Milliseconds dmaReply{10'000};   // for a client's answer to DMA_READ or DMA_WRITE
};

// In what a client left a device, and what was done about it.
struct Departure {
  uint32_t protocol = 0;  // 1, 2; 0: the device has no migration
  uint32_t found = 0;     // its state: of v2, or v1's device_state
  uint32_t left = 0;      // afterwards
  bool reset = false;
  std::optional<Failure> trouble;  // what was to be done and failed
};

struct ServerEvent {
  enum class Kind : uint8_t {
    kRefused,      // by its user
    kFailed,       // never got through the negotiation
    kConnected,    // negotiated
    kDisconnected  // and the device put in order
  };
  Kind kind = Kind::kConnected;
  pid_t pid = 0;
  uid_t uid = 0;
  std::string detail;  // why, for a person; empty for a client that simply closed
  bool twinSocket = false;
  uint64_t messages = 0;  // of a client that has gone
  Departure departure;
};

}  // namespace vfm::vfio_user
