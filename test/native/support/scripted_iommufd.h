// SPDX-License-Identifier: MIT
// The iommufd of a scripted kernel: address spaces, page tables with dirty bits, and devices that are bound
// and attached to them. It answers as Linux 6.12 does, its success over a stretch with a hole included.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/scripted_sys.h"
#include "uapi/cdev.h"
#include "uapi/hw_info.h"
#include "uapi/hwpt.h"
#include "uapi/ioas.h"
#include "uapi/iommufd.h"

namespace vfm::test {

class ScriptedIommufd {
 public:
  explicit ScriptedIommufd(ScriptedSys& sys) {
    sys.otherIoctl = [this](const std::string& kind, unsigned long request, void* argument) {
      const bool ours = kind == "iommufd" || kind == "duplicate of iommufd" || kind == "node";
      return ours ? answer(request, argument) : -ENOTTY;
    };
  }

  struct Table {
    uint32_t ioas = 0;
    uint32_t device = 0;
    bool canTrack = false;
    bool tracks = false;
    std::set<uint64_t> dirty;  // pages' first addresses
  };

  // --- what the test sets
  std::vector<uapi::IommuIovaRange> ranges = {{0, 0xfedfffff}, {0xfef00000, 0x7fffffffffffffff}};
  uint64_t alignment = 4096;
  uint32_t lyingRangeCount = 0;  // != 0: num_iovas of the answer
  std::vector<uint8_t> hwData = std::vector<uint8_t>(24, 7);
  uint32_t lyingHwDataLength = 0;
  bool iommuTracks = true;
  uint64_t chosenIova = 0x100000;

  // --- what the test looks at
  std::set<uint32_t> spaces;
  std::map<uint32_t, Table> tables;
  std::map<uint64_t, uint64_t> mappings;  // first and length, of all address spaces
  std::vector<std::string> log;
  uint32_t attachedTo = 0;
  uint64_t rlimitMode = 0;
  uint64_t hugePages = 1;
  uint32_t compat = 0;
  size_t allowed = 0;
  uint32_t lastFlags = 0;
  static constexpr uint32_t kDevice = 77;

 private:
  int answer(unsigned long request, void* argument) {
    switch (request) {
      case uapi::kIommuDestroy:
        return destroy(static_cast<uapi::IommuDestroy*>(argument)->id);
      case uapi::kIommuOption:
        return option(*static_cast<uapi::IommuOption*>(argument));
      case uapi::kIommuVfioIoas:
        return compatIoas(*static_cast<uapi::IommuVfioIoas*>(argument));
      case uapi::kIommuGetHwInfo:
        return hwInfo(*static_cast<uapi::IommuHwInfo*>(argument));
      case uapi::kIommuIoasAlloc:
        spaces.insert(static_cast<uapi::IommuIoasAlloc*>(argument)->out_ioas_id = next_++);
        return 0;
      case uapi::kIommuIoasIovaRanges:
        return iovaRanges(*static_cast<uapi::IommuIoasIovaRanges*>(argument));
      case uapi::kIommuIoasAllowIovas:
        allowed = static_cast<uapi::IommuIoasAllowIovas*>(argument)->num_iovas;
        return 0;
      case uapi::kIommuIoasMap:
        return map(*static_cast<uapi::IommuIoasMap*>(argument));
      case uapi::kIommuIoasCopy:
        return copy(*static_cast<uapi::IommuIoasCopy*>(argument));
      case uapi::kIommuIoasUnmap:
        return unmap(*static_cast<uapi::IommuIoasUnmap*>(argument));
      case uapi::kIommuHwptAlloc:
        return allocateTable(*static_cast<uapi::IommuHwptAlloc*>(argument));
      case uapi::kIommuHwptSetDirtyTracking:
        return setTracking(*static_cast<uapi::IommuHwptSetDirtyTracking*>(argument));
      case uapi::kIommuHwptGetDirtyBitmap:
        return dirtyBitmap(*static_cast<uapi::IommuHwptGetDirtyBitmap*>(argument));
      case uapi::kVfioDeviceBindIommufd:
        static_cast<uapi::VfioDeviceBindIommufd*>(argument)->out_devid = kDevice;
        log.push_back("bind");
        return 0;
      case uapi::kVfioDeviceAttachIommufdPt:
        attachedTo = static_cast<uapi::VfioDeviceAttachIommufdPt*>(argument)->pt_id;
        log.push_back("attach " + std::to_string(attachedTo));
        return 0;
      case uapi::kVfioDeviceDetachIommufdPt:
        attachedTo = 0;
        log.push_back("detach");
        return 0;
      default:
        return -ENOTTY;
    }
  }

  int destroy(uint32_t id) {
    log.push_back("destroy " + std::to_string(id));
    if (tables.erase(id) != 0) return 0;
    for (const auto& entry : tables) {
      if (entry.second.ioas == id) return -EBUSY;
    }
    return spaces.erase(id) != 0 ? 0 : -ENOENT;
  }
  int option(uapi::IommuOption& option) {
    uint64_t& value = option.option_id == uapi::kIommuOptionHugePages ? hugePages : rlimitMode;
    if (option.op == uapi::kIommuOptionOpGet) {
      option.val64 = value;
    } else {
      value = option.val64;
    }
    return 0;
  }
  int compatIoas(uapi::IommuVfioIoas& command) {
    if (command.op == uapi::kIommuVfioIoasGet) {
      if (compat == 0) return -ENODEV;
      command.ioas_id = compat;
      return 0;
    }
    compat = command.op == uapi::kIommuVfioIoasSet ? command.ioas_id : 0;
    return 0;
  }
  int hwInfo(uapi::IommuHwInfo& info) {
    std::memcpy(reinterpret_cast<void*>(info.data_uptr), hwData.data(),
                std::min<size_t>(info.data_len, hwData.size()));
    info.data_len = lyingHwDataLength != 0 ? lyingHwDataLength : static_cast<uint32_t>(hwData.size());
    info.out_data_type = uapi::kIommuHwInfoTypeIntelVtd;
    info.out_capabilities = iommuTracks ? uapi::kIommuHwCapDirtyTracking : 0;
    return 0;
  }
  int iovaRanges(uapi::IommuIoasIovaRanges& command) {
    const uint32_t room = command.num_iovas;
    const size_t filled = std::min<size_t>(room, ranges.size());
    if (filled > 0) {
      std::memcpy(reinterpret_cast<void*>(command.allowed_iovas), ranges.data(), filled * sizeof(ranges[0]));
    }
    command.num_iovas = lyingRangeCount != 0 ? lyingRangeCount : static_cast<uint32_t>(ranges.size());
    command.out_iova_alignment = alignment;
    return ranges.size() > room ? -EMSGSIZE : 0;
  }
  bool overlaps(uint64_t iova, uint64_t length) const {
    for (const auto& [first, size] : mappings) {
      if (first < iova + length && iova < first + size) return true;
    }
    return false;
  }
  int map(uapi::IommuIoasMap& command) {
    lastFlags = command.flags;
    const bool chosen = (command.flags & uapi::kIommuIoasMapFixedIova) == 0;
    if (chosen) command.iova = chosenIova;
    if (overlaps(command.iova, command.length)) return -EEXIST;
    const uint64_t last = command.iova + (command.length - 1);
    if (!chosen && std::none_of(ranges.begin(), ranges.end(), [&](const uapi::IommuIovaRange& range) {
          return command.iova >= range.start && last <= range.last;
        })) {
      return -EINVAL;
    }
    mappings[command.iova] = command.length;
    return 0;
  }
  int copy(uapi::IommuIoasCopy& command) {
    if ((command.flags & uapi::kIommuIoasMapFixedIova) == 0) command.dst_iova = chosenIova;
    std::map<uint64_t, uint64_t> pieces;
    for (const auto& [first, size] : mappings) {
      const uint64_t from = std::max(first, command.src_iova);
      const uint64_t end = std::min(first + size, command.src_iova + command.length);
      if (from < end) pieces[command.dst_iova + (from - command.src_iova)] = end - from;
    }
    mappings.insert(pieces.begin(), pieces.end());
    return 0;
  }
  int unmap(uapi::IommuIoasUnmap& command) {
    const bool all = command.iova == 0 && command.length == ~uint64_t{0};
    uint64_t bytes = 0;
    for (auto entry = mappings.begin(); entry != mappings.end();) {
      const bool inside = all || (entry->first >= command.iova &&
                                  entry->first + entry->second <= command.iova + command.length);
      if (inside) bytes += entry->second;
      entry = inside ? mappings.erase(entry) : std::next(entry);
    }
    if (bytes == 0 && !all) return -ENOENT;
    log.push_back("unmap");
    command.length = bytes;
    return 0;
  }
  int allocateTable(uapi::IommuHwptAlloc& command) {
    const bool track = (command.flags & uapi::kIommuHwptAllocDirtyTracking) != 0;
    if (track && !iommuTracks) return -EOPNOTSUPP;
    if (command.dev_id != kDevice) return -ENOENT;
    command.out_hwpt_id = next_++;
    tables[command.out_hwpt_id] = Table{command.pt_id, command.dev_id, track, false, {}};
    return 0;
  }
  int setTracking(uapi::IommuHwptSetDirtyTracking& command) {
    Table& table = tables.at(command.hwpt_id);
    if (!table.canTrack) return -EOPNOTSUPP;
    table.tracks = (command.flags & uapi::kIommuHwptDirtyTrackingEnable) != 0;
    if (table.tracks) table.dirty.clear();
    return 0;
  }
  int dirtyBitmap(uapi::IommuHwptGetDirtyBitmap& command) {
    Table& table = tables.at(command.hwpt_id);
    const bool keep = (command.flags & uapi::kIommuHwptGetDirtyBitmapNoClear) != 0;
    log.push_back(keep ? "read" : "read and clear");
    if (command.length == 0) return -EINVAL;
    auto* words = reinterpret_cast<uint64_t*>(command.data);
    for (uint64_t at = command.iova; at < command.iova + command.length; at += 4096) {
      if (!overlaps(at, 4096)) return 0;  // as Linux 6.12: success, and nothing of what lies behind
      if (table.dirty.count(at) == 0) continue;
      const uint64_t bit = (at - command.iova) / command.page_size;
      words[bit / 64] |= uint64_t{1} << (bit % 64);
      if (!keep) table.dirty.erase(at);
    }
    return 0;
  }

  uint32_t next_ = 1;
};

}  // namespace vfm::test
