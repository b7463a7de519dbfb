// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace vfm::kernel {

// A VFIO_DEVICE_FEATURE request in the kernel's words, for errors: "VFIO_DEVICE_FEATURE SET BUS_MASTER".
std::string featureOperation(uint32_t flags);

}  // namespace vfm::kernel
