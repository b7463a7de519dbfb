// SPDX-License-Identifier: MIT
#include "core/vfio_user/protocol.h"

namespace vfm::vfio_user {

std::string commandName(uint16_t command) {
  static constexpr const char* kNames[] = {"VERSION",
                                           "DMA_MAP",
                                           "DMA_UNMAP",
                                           "DEVICE_GET_INFO",
                                           "DEVICE_GET_REGION_INFO",
                                           "DEVICE_GET_REGION_IO_FDS",
                                           "DEVICE_GET_IRQ_INFO",
                                           "DEVICE_SET_IRQS",
                                           "REGION_READ",
                                           "REGION_WRITE",
                                           "DMA_READ",
                                           "DMA_WRITE",
                                           "DEVICE_RESET",
                                           "DIRTY_PAGES",
                                           "REGION_WRITE_MULTI",
                                           "DEVICE_FEATURE",
                                           "MIG_DATA_READ",
                                           "MIG_DATA_WRITE"};
  constexpr size_t kCount = sizeof(kNames) / sizeof(kNames[0]);
  if (command < 1 || command > kCount) return "command " + std::to_string(command);
  return kNames[command - 1];
}

}  // namespace vfm::vfio_user
