// SPDX-License-Identifier: MIT
// An iommufd, and memory for it, on a scripted kernel.
#pragma once

#include <memory>
#include <utility>

#include "core/kernel/ioas.h"
#include "support/scripted_iommufd.h"

namespace vfm::test {

struct IommufdFixture {
  static constexpr uint64_t kPage = 4096;

  ScriptedSys sys;
  ScriptedIommufd kernel{sys};
  std::shared_ptr<kernel::Iommufd> iommufd = std::move(kernel::Iommufd::open(sys)).value();
  std::shared_ptr<DmaMemory> memory = std::move(DmaMemory::allocate(64 * kPage, {})).value();

  std::shared_ptr<kernel::Ioas> space(bool dirtyTracking = false) {
    return std::move(kernel::Ioas::allocate(iommufd, {dirtyTracking})).value();
  }
  DmaSlice slice(uint64_t pages, uint64_t from = 0) const {
    return DmaSlice{memory, from * kPage, pages * kPage};
  }
};

}  // namespace vfm::test
