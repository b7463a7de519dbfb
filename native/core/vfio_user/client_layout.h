// SPDX-License-Identifier: MIT
// What a server's device looks like: asked once, when the connection is made, because servers refuse these
// requests while the device is stopped, and because the answers do not change.
#pragma once

#include <optional>
#include <vector>

#include "core/device/info.h"
#include "core/vfio_user/client_connection.h"

namespace vfm::vfio_user {

struct ClientRegion {
  RegionInfo info;
  UniqueFd descriptor;  // what info.mappable can be mapped by; without one nothing of it can
};

struct ClientLayout {
  DeviceInfo info;
  std::vector<ClientRegion> regions;        // by index
  std::vector<IrqInfo> irqs;                // by index
  std::optional<uint32_t> migrationRegion;  // of the first migration protocol

  // Reason::kMalformed: the device describes something impossible. A region or interrupt index that the
  // server answers EINVAL for is an empty one.
  static Result<ClientLayout> ask(ClientConnection& connection);
};

}  // namespace vfm::vfio_user
