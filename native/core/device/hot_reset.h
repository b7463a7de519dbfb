// SPDX-License-Identifier: MIT
// A reset of everything that shares a slot or a bus with a device, and who that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vfm {

struct AffectedDevice {
  uint16_t segment = 0;
  uint8_t bus = 0;
  uint8_t devfn = 0;
  // Its IOMMU group, or its number in the iommufd that the asking device is bound to; none where it has no
  // such number.
  std::optional<uint32_t> id;
  // Whether this process holds it: has its group open, or has it bound to the same iommufd.
  bool owned = false;

  std::string address() const;  // 0000:17:00.2
};

struct HotResetInfo {
  bool byDeviceId = false;  // the device was opened through its own node: `id` is that of an iommufd
  std::vector<AffectedDevice> devices;
};

}  // namespace vfm
