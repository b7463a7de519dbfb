// SPDX-License-Identifier: MIT
// The data section of a v1 migration region: trapped, mapped, or partly each. Finds a chunk in it, or copies
// it in and out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/device/device.h"

namespace vfm {

enum class DataPath : uint8_t {
  kAuto,    // through the mapping where there is one, by region access elsewhere and where the mapping fails
  kMapped,  // mapping failures are failures
  kTrapped  // by region access only, whatever the device offers
};

class V1DataSection {
 public:
  // Maps every mappable area once, for as long as the section lives: moving a mapping costs half the
  // throughput.
  static Result<V1DataSection> open(std::shared_ptr<Device> device, const RegionInfo& region, DataPath path);

  uint64_t regionSize() const { return regionSize_; }

  // Refuses a chunk that does not lie between the registers and the end of the region.
  Status check(uint64_t offset, uint64_t size) const;

  // The mapped memory of a chunk, null unless all of it lies in one mapping that is trusted. `keep` then
  // shares its owner.
  uint8_t* view(uint64_t offset, uint64_t size, std::shared_ptr<void>* keep) const;

  // Copies a chunk, part by part: mapped parts through the mapping, the others by region access of each part
  // whole.
  Status copyOut(uint64_t offset, Bytes into) const;
  Status copyIn(uint64_t offset, ConstBytes from) const;

 private:
  struct Window {
    Area area;
    std::shared_ptr<Mapping> mapping;
  };

  V1DataSection(std::shared_ptr<Device> device, uint32_t index, uint64_t size, DataPath path)
      : device_(std::move(device)), index_(index), regionSize_(size), path_(path) {}
  // The window that holds `offset`, or null with the distance to the next one (at most `limit`) in `gap`.
  const Window* windowAt(uint64_t offset, uint64_t limit, uint64_t* gap) const;
  // Bytes moved by one region access, at least one and at most all of them.
  Result<size_t> readTrapped(uint64_t offset, Bytes into) const;
  Result<size_t> writeTrapped(uint64_t offset, ConstBytes from) const;

  std::shared_ptr<Device> device_;
  uint32_t index_;
  uint64_t regionSize_;
  DataPath path_;
  std::vector<Window> windows_;  // sorted by offset
};

}  // namespace vfm
