// SPDX-License-Identifier: MIT
#include "core/device/hot_reset.h"

#include <cstdio>

namespace vfm {

std::string AffectedDevice::address() const {
  char text[sizeof "0000:00:00.0"];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", unsigned{segment}, unsigned{bus}, devfn >> 3 & 0x1fu,
                devfn & 7u);
  return text;
}

}  // namespace vfm
