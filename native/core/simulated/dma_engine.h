// SPDX-License-Identifier: MIT
// The device's own reads and writes of the user's memory: its DMA commands (docs/test-device.md). Not
// thread-safe (the device's lock guards it).
#pragma once

#include <cstdint>
#include <memory>

#include "core/dma/address_space.h"
#include "core/simulated/device_memory.h"
#include "core/simulated/dma_log.h"

namespace vfm {

class DmaEngine {
 public:
  std::shared_ptr<AddressSpace> space() const { return space_; }
  void attach(std::shared_ptr<AddressSpace> space) { space_ = std::move(space); }
  DmaLog& log() { return log_; }

  // What the DMA_STATUS register shows afterwards. EFAULT: not mapped, or not for that; E2BIG: longer than
  // 1 GiB (a write) or than the device memory (a read); EOVERFLOW: past the end of the address space.
  int write(uint64_t iova, uint64_t length, uint32_t seed);
  int read(uint64_t iova, uint64_t length, DeviceMemory& into);

 private:
  std::shared_ptr<AddressSpace> space_;
  DmaLog log_;
};

}  // namespace vfm
