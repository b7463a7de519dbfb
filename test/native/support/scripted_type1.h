// SPDX-License-Identifier: MIT
// The type1 driver of a ScriptedSys: mappings, a memlock limit, dirty pages, and an info whose capability
// chain a test may break.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "support/scripted_sys.h"
#include "uapi/type1.h"

namespace vfm::test {

class ScriptedType1 {
 public:
  static constexpr uint64_t kPage = 4096;
  struct Mapped {
    uint64_t size;
    uint64_t address;
    uint32_t flags;
  };

  std::map<uint64_t, Mapped> mappings;
  std::set<uint64_t> dirty;  // page numbers
  bool tracking = false;
  uint64_t pinnable = UINT64_MAX;  // bytes until ENOMEM
  uint32_t available = 100;
  uint64_t largestBitmap = 1 << 28;
  std::vector<uapi::VfioIovaRange> ranges = {{0, 0xfedfffff}, {0xfef00000, 0xffffffffff}};
  std::vector<uint8_t> chain;  // not empty: instead of the true one
  std::vector<uapi::VfioIommuType1DmaUnmap> unmaps;
  std::vector<uapi::VfioIommuType1DirtyBitmapGet> reports;
  std::vector<uint32_t> reportArgsz;

  void installIn(ScriptedSys& sys) {
    sys.onContainer = [this](unsigned long request, void* argument) { return ioctl(request, argument); };
  }

  // Capabilities as the kernel lays them out, the chain's offsets counted from the start of the struct.
  template <typename Struct>
  static void append(std::vector<uint8_t>& chain, Struct capability, uint16_t id,
                     const std::vector<uapi::VfioIovaRange>& more = {}) {
    if (!chain.empty()) {
      const uint32_t at = static_cast<uint32_t>(sizeof(uapi::VfioIommuType1Info) + chain.size());
      size_t last = 0;
      for (uint32_t next = 0;; last = next - sizeof(uapi::VfioIommuType1Info)) {
        std::memcpy(&next, chain.data() + last + 4, sizeof(next));
        if (next == 0) break;
      }
      std::memcpy(chain.data() + last + 4, &at, sizeof(at));
    }
    capability.header = {id, 1, 0};
    const auto* bytes = reinterpret_cast<const uint8_t*>(&capability);
    chain.insert(chain.end(), bytes, bytes + sizeof(capability));
    const auto* tail = reinterpret_cast<const uint8_t*>(more.data());
    chain.insert(chain.end(), tail, tail + more.size() * sizeof(uapi::VfioIovaRange));
    while (chain.size() % 8 != 0) chain.push_back(0);
  }

 private:
  int ioctl(unsigned long request, void* argument) {
    switch (request) {
      case uapi::kVfioIommuGetInfo:
        return info(static_cast<uint8_t*>(argument));
      case uapi::kVfioIommuMapDma:
        return map(*static_cast<uapi::VfioIommuType1DmaMap*>(argument));
      case uapi::kVfioIommuUnmapDma:
        return unmap(static_cast<uint8_t*>(argument));
      case uapi::kVfioIommuDirtyPages:
        return dirtyPages(static_cast<uint8_t*>(argument));
      default:
        return -ENOTTY;
    }
  }

  int info(uint8_t* answer) {
    std::vector<uint8_t> caps = chain;
    if (caps.empty()) {
      uapi::VfioIommuType1InfoCapMigration migration{};
      migration.pgsize_bitmap = kPage;
      migration.max_dirty_bitmap_size = largestBitmap;
      append(caps, migration, uapi::kVfioIommuType1InfoCapMigration);
      uapi::VfioIommuType1InfoDmaAvail avail{};
      avail.avail = available;
      append(caps, avail, uapi::kVfioIommuType1InfoDmaAvail);
      uapi::VfioIommuType1InfoCapIovaRange iovas{};
      iovas.nr_iovas = static_cast<uint32_t>(ranges.size());
      append(caps, iovas, uapi::kVfioIommuType1InfoCapIovaRange, ranges);
    }
    uapi::VfioIommuType1Info head;
    std::memcpy(&head, answer, sizeof(head));
    const uint32_t room = head.argsz;
    head.flags = uapi::kVfioIommuInfoPgsizes | uapi::kVfioIommuInfoCaps;
    head.iova_pgsizes = kPage | 2 << 20;
    head.cap_offset = 0;
    if (room < sizeof(head) + caps.size()) {
      head.argsz = static_cast<uint32_t>(sizeof(head) + caps.size());
    } else {
      std::memcpy(answer + sizeof(head), caps.data(), caps.size());
      head.cap_offset = sizeof(head);
    }
    std::memcpy(answer, &head, sizeof(head));
    return 0;
  }

  int map(const uapi::VfioIommuType1DmaMap& request) {
    if ((request.flags & uapi::kVfioDmaMapFlagVaddr) != 0) {
      auto found = mappings.find(request.iova);
      if (found == mappings.end()) return -ENOENT;
      if (found->second.size != request.size) return -EINVAL;
      found->second.address = request.vaddr;
      return 0;
    }
    if (request.size == 0 || ((request.size | request.iova | request.vaddr) & (kPage - 1)) != 0)
      return -EINVAL;
    const uint64_t last = request.iova + request.size - 1;
    if (last < request.iova) return -EINVAL;
    for (const auto& [iova, mapped] : mappings) {
      if (request.iova <= iova + mapped.size - 1 && last >= iova) return -EEXIST;
    }
    if (available == 0) return -ENOSPC;
    bool valid = false;
    for (const auto& range : ranges) valid = valid || (request.iova >= range.start && last <= range.end);
    if (!valid) return -EINVAL;
    if (request.size > pinnable) return -ENOMEM;
    --available;
    mappings[request.iova] = Mapped{request.size, request.vaddr, request.flags};
    return 0;
  }

  // As the kernel: whole words, written over what the caller had there.
  void report(uint64_t iova, uint64_t size, const uapi::VfioBitmap& bitmap) {
    for (auto page = dirty.begin(); page != dirty.end();) {
      if (*page * kPage >= iova && *page * kPage <= iova + size - 1) {
        const uint64_t bit = *page - iova / kPage;
        bitmap.data[bit / 64] |= uint64_t{1} << bit % 64;
        page = dirty.erase(page);
      } else {
        ++page;
      }
    }
  }

  int unmap(uint8_t* argument) {
    uapi::VfioIommuType1DmaUnmap request;
    std::memcpy(&request, argument, sizeof(request));
    unmaps.push_back(request);
    const bool all = (request.flags & uapi::kVfioDmaUnmapFlagAll) != 0;
    if ((request.flags & uapi::kVfioDmaUnmapFlagVaddr) != 0) return 0;
    if (!all && (request.size == 0 || ((request.size | request.iova) & (kPage - 1)) != 0)) return -EINVAL;
    const uint64_t first = all ? 0 : request.iova;
    const uint64_t last = all ? UINT64_MAX : request.iova + request.size - 1;
    if ((request.flags & uapi::kVfioDmaUnmapFlagGetDirtyBitmap) != 0) {
      if (!tracking) return -EINVAL;
      uapi::VfioBitmap bitmap;
      std::memcpy(&bitmap, argument + sizeof(request), sizeof(bitmap));
      report(first, request.size, bitmap);
    }
    uint64_t bytes = 0;
    for (auto each = mappings.begin(); each != mappings.end();) {
      if (each->first < first || each->first > last) {
        ++each;
        continue;
      }
      bytes += each->second.size;
      each = mappings.erase(each);
      ++available;
    }
    request.size = bytes;
    std::memcpy(argument, &request, sizeof(request));
    return 0;
  }

  int dirtyPages(uint8_t* argument) {
    uapi::VfioIommuType1DirtyBitmap head;
    std::memcpy(&head, argument, sizeof(head));
    if (head.flags == uapi::kVfioIommuDirtyPagesFlagStart) {
      tracking = true;
      return 0;
    }
    if (head.flags == uapi::kVfioIommuDirtyPagesFlagStop) {
      tracking = false;
      dirty.clear();
      return 0;
    }
    if (!tracking) return -EINVAL;
    uapi::VfioIommuType1DirtyBitmapGet range;
    std::memcpy(&range, argument + sizeof(head), sizeof(range));
    reports.push_back(range);
    reportArgsz.push_back(head.argsz);
    if (range.bitmap.pgsize != kPage || range.size == 0) return -EINVAL;
    if (range.bitmap.size < (range.size / kPage + 63) / 64 * 8 || range.bitmap.size > largestBitmap) {
      return -EINVAL;
    }
    report(range.iova, range.size, range.bitmap);
    return 0;
  }
};

}  // namespace vfm::test
