// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_layout.h"

#include <unistd.h>

#include <cstring>

#include "core/kernel/capability_chain.h"
#include "uapi/irq.h"
#include "uapi/migration_v1.h"
#include "uapi/region.h"

namespace vfm::vfio_user {
namespace {

// Each is asked for by a message of its own; a device that claims more is not describing itself.
constexpr uint32_t kMostIndexes = 1 << 16;
constexpr size_t kLargestRegionInfo = 1 << 20;

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

bool isErrno(const Failure& failure, int error) {
  return failure.reason == Reason::kSystem && failure.error == error;
}

Result<DeviceInfo> askInfo(ClientConnection& connection) {
  DeviceInfoPayload asked{sizeof(DeviceInfoPayload), 0, 0, 0};
  DeviceInfoPayload info{};
  uint8_t rest[256];  // of a server whose struct has grown
  ClientRequest request{
      Command::kDeviceGetInfo, {}, {bytesOf(asked)}, {}, connection.options().requestTimeout, bytesOf(info),
      Bytes{rest, sizeof rest}};
  auto reply = connection.call(request);
  if (!reply) return std::move(reply).failure();
  if (info.num_regions > kMostIndexes || info.num_irqs > kMostIndexes) {
    return Failure::because(Reason::kMalformed, "DEVICE_GET_INFO",
                            std::to_string(info.num_regions) + " regions and " +
                                std::to_string(info.num_irqs) + " interrupt indexes");
  }
  return DeviceInfo{info.flags, info.num_regions, info.num_irqs};
}

// The first answer says how much room the capabilities need; only the second has them, and the descriptor.
Result<ClientRegion> askRegion(ClientConnection& connection, uint32_t index) {
  constexpr int kRounds = 4;
  const std::string operation = "DEVICE_GET_REGION_INFO " + std::to_string(index);
  std::vector<uint8_t> answer(sizeof(uapi::VfioRegionInfo));
  for (int round = 0; round < kRounds; ++round) {
    uapi::VfioRegionInfo asked{};
    asked.argsz = static_cast<uint32_t>(answer.size());
    asked.index = index;
    const Bytes room{answer.data(), answer.size()};
    ClientRequest request{Command::kDeviceGetRegionInfo,
                          operation,
                          {bytesOf(asked)},
                          {},
                          connection.options().requestTimeout,
                          room.first(sizeof asked),
                          room.from(sizeof asked)};
    auto reply = connection.call(request);
    if (!reply && isErrno(reply.failure(), EINVAL))
      return ClientRegion{RegionInfo{index, 0, 0, 0, {}, {}, {}}, {}};
    if (!reply) return std::move(reply).failure();
    uapi::VfioRegionInfo info;
    std::memcpy(&info, answer.data(), sizeof info);
    if (info.argsz <= answer.size()) {
      auto parsed = kernel::parseRegionInfo(ConstBytes{answer.data(), sizeof info + reply->data}, index,
                                            static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
      if (!parsed) return std::move(parsed).failure();
      ClientRegion region{std::move(*parsed), {}};
      if (!reply->descriptors.empty()) region.descriptor = std::move(reply->descriptors.front());
      if (!region.descriptor) region.info.mappable.clear();
      return region;
    }
    if (info.argsz > kLargestRegionInfo) break;
    answer.assign(info.argsz, 0);
  }
  return Failure::because(Reason::kMalformed, operation, "the server asks for ever more room");
}

Result<IrqInfo> askIrq(ClientConnection& connection, uint32_t index) {
  uapi::VfioIrqInfo asked{sizeof(uapi::VfioIrqInfo), 0, index, 0};
  uapi::VfioIrqInfo info{};
  ClientRequest request{Command::kDeviceGetIrqInfo,
                        "DEVICE_GET_IRQ_INFO " + std::to_string(index),
                        {bytesOf(asked)},
                        {},
                        connection.options().requestTimeout,
                        bytesOf(info),
                        {}};
  auto reply = connection.call(request);
  if (!reply && isErrno(reply.failure(), EINVAL)) return IrqInfo{index, 0, 0};
  if (!reply) return std::move(reply).failure();
  if (info.index != index) {
    return Failure::because(Reason::kMalformed, request.operation,
                            "answered for " + std::to_string(info.index));
  }
  return IrqInfo{index, info.flags, info.count};
}

}  // namespace

Result<ClientLayout> ClientLayout::ask(ClientConnection& connection) {
  ClientLayout layout;
  auto info = askInfo(connection);
  if (!info) return std::move(info).failure();
  layout.info = *info;
  for (uint32_t index = 0; index < info->regions; ++index) {
    auto region = askRegion(connection, index);
    if (!region) return std::move(region).failure();
    const auto& type = region->info.type;
    if (type && type->type == uapi::kVfioRegionTypeMigrationDeprecated &&
        type->subtype == uapi::kVfioRegionSubtypeMigrationDeprecated) {
      layout.migrationRegion = index;
    }
    layout.regions.push_back(std::move(*region));
  }
  for (uint32_t index = 0; index < info->irqs; ++index) {
    auto irq = askIrq(connection, index);
    if (!irq) return std::move(irq).failure();
    layout.irqs.push_back(*irq);
  }
  return layout;
}

}  // namespace vfm::vfio_user
