// SPDX-License-Identifier: MIT
// The VERSION message: what each side speaks and what it can take, as a version and a JSON object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/vfio_user/protocol.h"

namespace vfm::vfio_user {

struct TwinSocket {
  bool supported = false;
  std::optional<uint32_t> descriptor;  // a server's: which of the VERSION reply's descriptors it is
};

// What its sender can take. The values here are what holds for a peer that says nothing.
struct Capabilities {
  uint32_t maxMessageDescriptors = 1;  // "max_msg_fds"
  uint64_t maxTransfer = 1 << 20;      // "max_data_xfer_size", bytes
  uint64_t pageSizes = 4096;           // "pgsizes", of DMA, as a bitmap
  uint64_t maxDmaMaps = 65535;         // "max_dma_maps"
  // "reassembles": a message may arrive in any number of pieces. Ours alone says so; libvfio-user's servers
  // need each in one.
  bool reassembles = false;
  bool writeMultiple = false;              // "write_multiple": REGION_WRITE_MULTI
  std::optional<uint64_t> dirtyPageSize;   // "migration": {"pgsize"}; a server's, when its device migrates
  std::optional<uint64_t> maxDirtyBitmap;  // "migration": {"max_bitmap_size"}, bytes
  TwinSocket twinSocket;                   // "twin_socket": DMA_READ and DMA_WRITE on a socket of their own
};

struct Version {
  uint16_t major = kMajor;
  uint16_t minor = kMinor;
  Capabilities capabilities;
};

// Everything that differs from the default, max_msg_fds, max_data_xfer_size and pgsizes always.
std::string formatCapabilities(const Capabilities& capabilities);
// Unknown keys are ignored. Reason::kMalformed: no JSON object, a known key of the wrong type, or a value
// that cannot be: no transfer size, more than 1024 descriptors, page sizes that are no powers of two.
Result<Capabilities> parseCapabilities(std::string_view json);

// Payload of a VERSION message or its reply.
std::vector<uint8_t> formatVersion(const Version& version);
// Without JSON the capabilities are the defaults; with it, the NUL at its end must be there (kMalformed). The
// version numbers are the caller's to judge.
Result<Version> parseVersion(ConstBytes payload);

}  // namespace vfm::vfio_user
