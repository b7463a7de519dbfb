// SPDX-License-Identifier: MIT
#include "core/v1/data_section.h"

#include <algorithm>
#include <cstring>

#include "core/v1/registers.h"

namespace vfm {

Result<V1DataSection> V1DataSection::open(std::shared_ptr<Device> device, const RegionInfo& region,
                                          DataPath path) {
  V1DataSection section(std::move(device), region.index, region.size, path);
  if (path == DataPath::kTrapped) return section;
  for (const Area& area : region.mappable) {
    auto mapping = section.device_->map(region.index, area, Protection::kReadWrite);
    if (!mapping) {
      if (path == DataPath::kMapped) return std::move(mapping).failure();
      continue;
    }
    section.windows_.push_back({area, std::move(*mapping)});
  }
  if (path == DataPath::kMapped && section.windows_.empty()) {
    return Failure::because(Reason::kUnsupported, "mapping of the v1 data section",
                            "the device offers no mappable area");
  }
  return section;
}

Status V1DataSection::check(uint64_t offset, uint64_t size) const {
  if (offset < V1Registers::kHeaderSize || offset > regionSize_ || size > regionSize_ - offset) {
    return Failure::because(Reason::kMalformed, "v1 chunk",
                            "data_offset " + std::to_string(offset) + " and data_size " +
                                std::to_string(size) + " lie outside the data section of a region of " +
                                std::to_string(regionSize_) + " bytes");
  }
  return {};
}

uint8_t* V1DataSection::view(uint64_t offset, uint64_t size, std::shared_ptr<void>* keep) const {
  for (const Window& window : windows_) {
    if (!window.mapping->trusted() || !window.area.contains(offset, size)) continue;
    if (keep) *keep = window.mapping;
    return window.mapping->data() + (offset - window.area.offset);
  }
  return nullptr;
}

const V1DataSection::Window* V1DataSection::windowAt(uint64_t offset, uint64_t limit, uint64_t* gap) const {
  for (const Window& window : windows_) {
    if (window.area.contains(offset, 1)) return &window;
    if (window.area.offset > offset) {
      *gap = std::min(limit, window.area.offset - offset);
      return nullptr;
    }
  }
  *gap = limit;
  return nullptr;
}

Result<size_t> V1DataSection::readTrapped(uint64_t offset, Bytes into) const {
  auto read = device_->readRegion(index_, offset, into);
  if (!read || (*read > 0 && *read <= into.size)) return read;
  return Failure::because(Reason::kShortTransfer, "read of a v1 chunk",
                          std::to_string(*read) + " of " + std::to_string(into.size) + " bytes");
}

Result<size_t> V1DataSection::writeTrapped(uint64_t offset, ConstBytes from) const {
  auto written = device_->writeRegion(index_, offset, from);
  if (!written || (*written > 0 && *written <= from.size)) return written;
  return Failure::because(Reason::kShortTransfer, "write of a v1 chunk",
                          std::to_string(*written) + " of " + std::to_string(from.size) + " bytes");
}

// A mapping that fails (only one whose owner is not trusted can) is tried no further on the way kAuto.
Status V1DataSection::copyOut(uint64_t offset, Bytes into) const {
  while (into.size > 0) {
    uint64_t part = 0;
    const Window* window = windowAt(offset, into.size, &part);
    size_t moved = 0;
    if (window) {
      part = std::min<uint64_t>(into.size, window->area.end() - offset);
      Status read = window->mapping->read(offset - window->area.offset, into.first(part));
      if (read) moved = static_cast<size_t>(part);
      if (!read && path_ == DataPath::kMapped) return read;
    }
    if (moved == 0) {
      auto read = readTrapped(offset, into.first(static_cast<size_t>(part)));
      if (!read) return std::move(read).failure();
      moved = *read;
    }
    into = into.from(moved);
    offset += moved;
  }
  return {};
}

Status V1DataSection::copyIn(uint64_t offset, ConstBytes from) const {
  while (from.size > 0) {
    uint64_t part = 0;
    const Window* window = windowAt(offset, from.size, &part);
    size_t moved = 0;
    if (window) {
      part = std::min<uint64_t>(from.size, window->area.end() - offset);
      Status written = window->mapping->write(offset - window->area.offset, from.first(part));
      if (written) moved = static_cast<size_t>(part);
      if (!written && path_ == DataPath::kMapped) return written;
    }
    if (moved == 0) {
      auto written = writeTrapped(offset, from.first(static_cast<size_t>(part)));
      if (!written) return std::move(written).failure();
      moved = *written;
    }
    from = from.from(moved);
    offset += moved;
  }
  return {};
}

}  // namespace vfm
