// SPDX-License-Identifier: MIT
// The v1 migration region's memory: one page of registers (never mappable), then the data section, in a memfd
// sealed against shrinking, so that whoever maps it can trust the mapping for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/device/device.h"
#include "core/device/info.h"
#include "core/device/mapping.h"
#include "core/simulated/options.h"

namespace vfm {

class DataStore {
 public:
  static constexpr uint64_t kHeaderBytes = 4096;
  static constexpr uint64_t kPage = 4096;

  static Result<std::unique_ptr<DataStore>> create(DataSection kind, uint64_t chunkBytes);
  ~DataStore();
  DataStore(const DataStore&) = delete;
  DataStore& operator=(const DataStore&) = delete;

  uint64_t regionBytes() const { return regionBytes_; }
  // Sorted, not overlapping; empty for a trapped section.
  const std::vector<Area>& mappable() const { return mappable_; }

  // Where chunk number `round` begins, from the region's start.
  uint64_t placeOf(uint64_t round) const;
  // The device's own sight of the region; `offset` from the region's start.
  uint8_t* at(uint64_t offset) { return memory_ + offset; }

  Result<std::shared_ptr<Mapping>> map(Area area, Protection protection) const;
  // The registers' page in it holds nothing: they are answered from elsewhere.
  Result<RegionDescriptor> descriptor() const;

 private:
  DataStore(DataSection kind, uint64_t chunkBytes, UniqueFd fd, uint8_t* memory, uint64_t regionBytes);
  DataSection kind_;
  uint64_t chunkBytes_;
  UniqueFd fd_;
  uint8_t* memory_;
  uint64_t regionBytes_;
  std::vector<Area> mappable_;
};

}  // namespace vfm
