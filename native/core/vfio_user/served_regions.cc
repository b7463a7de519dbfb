// SPDX-License-Identifier: MIT
// Regions of the served device: what they are, and access to them.
#include "core/device/bulk_access.h"
#include "core/vfio_user/served_device.h"
#include "uapi/capability.h"
#include "uapi/region.h"

namespace vfm::vfio_user {
namespace {

// GET_REGION_IO_FDS, both ways; the reply says `count` sub-regions that a client could reach by descriptors
// of their own.
struct RegionIoFds {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};
static_assert(sizeof(RegionIoFds) == 16);

// REGION_WRITE_MULTI: a u64 with their number, then these; the reply repeats the number.
struct OneOfManyWrites {
  uint64_t offset;
  uint32_t region;
  uint32_t count;  // bytes, 1 to 8
  uint8_t data[8];
};
static_assert(sizeof(OneOfManyWrites) == 24);
constexpr uint64_t kMostWrites = 200;  // in one message, as QEMU sends them

template <typename T>
void put(std::vector<uint8_t>& bytes, const T& part) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&part);
  bytes.insert(bytes.end(), raw, raw + sizeof part);
}

// The capability chain, as it lies behind the struct; type first, then the areas.
std::vector<uint8_t> chainOf(const RegionInfo& region, bool shared) {
  std::vector<uint8_t> chain;
  const bool areas = shared && !region.mappable.empty();
  if (region.type) {
    uapi::VfioRegionInfoCapType type{};
    type.header = {uapi::kVfioRegionInfoCapType, 1,
                   areas ? static_cast<uint32_t>(sizeof(uapi::VfioRegionInfo) + sizeof type) : 0};
    type.type = region.type->type;
    type.subtype = region.type->subtype;
    put(chain, type);
  }
  if (areas) {
    uapi::VfioRegionInfoCapSparseMmap sparse{};
    sparse.header = {uapi::kVfioRegionInfoCapSparseMmap, 1, 0};
    sparse.nr_areas = static_cast<uint32_t>(region.mappable.size());
    put(chain, sparse);
    for (const Area& area : region.mappable)
      put(chain, uapi::VfioRegionSparseMmapArea{area.offset, area.size});
  }
  return chain;
}

}  // namespace

Reply ServedDevice::deviceInfo(const Request& request) {
  DeviceInfoPayload asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  auto info = device_->info();
  if (!info) return info.failure();
  Reply reply;
  reply.add(DeviceInfoPayload{sizeof asked, info->flags, info->regions, info->irqs});
  return reply;
}

Reply ServedDevice::regionInfo(const Request& request) {
  uapi::VfioRegionInfo asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  auto info = device_->info();
  if (!info) return info.failure();
  if (asked.index >= info->regions) return Reply(EINVAL);
  auto region = device_->regionInfo(asked.index);
  if (!region) return region.failure();

  uapi::VfioRegionInfo answer{};
  answer.index = asked.index;
  answer.size = region->size;
  answer.flags = region->flags & (uapi::kVfioRegionInfoFlagRead | uapi::kVfioRegionInfoFlagWrite);
  UniqueFd shared;
  if (!region->mappable.empty()) {
    // Where there is no descriptor to give, the region is reached by messages, and says so.
    if (auto descriptor = device_->regionDescriptor(asked.index)) {
      shared = std::move(descriptor->fd);
      answer.offset = descriptor->offset;
      answer.flags |= uapi::kVfioRegionInfoFlagMmap;
    }
  }
  const std::vector<uint8_t> chain = chainOf(*region, shared.valid());
  answer.argsz = static_cast<uint32_t>(sizeof answer + chain.size());
  Reply reply;
  // A client that has left no room for the chain is told how much to leave, and gets the descriptor next
  // time.
  if (chain.empty() || asked.argsz < answer.argsz) return std::move(reply.add(answer));
  answer.flags |= uapi::kVfioRegionInfoFlagCaps;
  answer.cap_offset = sizeof answer;
  reply.add(answer).add(ConstBytes{chain.data(), chain.size()});
  if (shared) reply.descriptors.push_back(std::move(shared));
  return reply;
}

Reply ServedDevice::regionIoFds(const Request& request) {
  RegionIoFds asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked || asked.flags != 0) return Reply(EINVAL);
  auto info = device_->info();
  if (!info) return info.failure();
  if (asked.index >= info->regions) return Reply(EINVAL);
  Reply reply;
  reply.add(RegionIoFds{sizeof asked, 0, asked.index, 0});
  return reply;
}

Reply ServedDevice::readRegion(const Request& request) {
  RegionAccessPayload asked{};
  if (!request.begin(asked) || request.payload.size != sizeof asked) return Reply(EINVAL);
  if (asked.count == 0 || asked.count > negotiated_.maxTransfer) return Reply(EINVAL);
  Reply reply;
  reply.add(asked);
  reply.payload.resize(sizeof asked + asked.count);
  const Bytes data{reply.payload.data() + sizeof asked, asked.count};
  if (Status read = readWhole(*device_, asked.region, asked.offset, data); !read) return read.failure();
  return reply;
}

int ServedDevice::writeOne(uint32_t region, uint64_t offset, ConstBytes data) {
  Status wrote = writeWhole(*device_, region, offset, data);
  return wrote ? 0 : Reply::errnoOf(wrote.failure());
}

Reply ServedDevice::writeRegion(const Request& request) {
  RegionAccessPayload asked{};
  if (!request.begin(asked) || request.payload.size - sizeof asked != asked.count) return Reply(EINVAL);
  if (asked.count == 0 || asked.count > negotiated_.maxTransfer) return Reply(EINVAL);
  if (int error = writeOne(asked.region, asked.offset, request.payload.from(sizeof asked)))
    return Reply(error);
  Reply reply;
  reply.add(asked);
  return reply;
}

Reply ServedDevice::writeRegions(const Request& request) {
  uint64_t count = 0;
  if (!request.begin(count) || count == 0 || count > kMostWrites) return Reply(EINVAL);
  if (request.payload.size != sizeof count + count * sizeof(OneOfManyWrites)) return Reply(EINVAL);
  for (uint64_t i = 0; i < count; ++i) {
    OneOfManyWrites one{};
    const bool there = request.at(static_cast<size_t>(sizeof count + i * sizeof one), one);
    if (!there || one.count == 0 || one.count > sizeof one.data) return Reply(EINVAL);
    if (int error = writeOne(one.region, one.offset, ConstBytes{one.data, one.count})) return Reply(error);
  }
  Reply reply;
  reply.add(count);
  return reply;
}

}  // namespace vfm::vfio_user
