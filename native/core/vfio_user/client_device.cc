// SPDX-License-Identifier: MIT
// What a vfio-user device says about itself, its regions and its memory. Interrupts: client_irqs.cc;
// migration and reset: client_migration.cc.
#include "core/vfio_user/client_device.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/vfio_user/peer_mapping.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"
#include "uapi/region.h"

namespace vfm::vfio_user {
namespace {

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

DmaLog::Form logOf(const ClientFeatures& features, const ClientLayout& layout) {
  if (features.dmaLog()) return DmaLog::Form::kFeature;
  return layout.migrationRegion ? DmaLog::Form::kDirtyPages : DmaLog::Form::kNone;
}

}  // namespace

Result<std::shared_ptr<ClientDevice>> ClientDevice::open(const std::string& path,
                                                         const ClientOptions& options) {
  auto connection = ClientConnection::open(path, options);
  if (!connection) return std::move(connection).failure();
  return over(std::move(*connection));
}

Result<std::shared_ptr<ClientDevice>> ClientDevice::over(std::shared_ptr<ClientConnection> connection) {
  auto layout = ClientLayout::ask(*connection);
  if (!layout) return std::move(layout).failure();
  auto features = ClientFeatures::probe(connection);
  if (!features) return std::move(features).failure();
  return std::shared_ptr<ClientDevice>(
      new ClientDevice(std::move(connection), std::move(*layout), std::move(*features)));
}

ClientDevice::ClientDevice(std::shared_ptr<ClientConnection> connection, ClientLayout layout,
                           ClientFeatures features)
    : connection_(std::move(connection)),
      layout_(std::move(layout)),
      features_(std::move(features)),
      mappings_(std::make_shared<ServerMappings>(connection_)),
      log_(std::make_shared<DmaLog>(connection_, features_, mappings_, logOf(features_, layout_))),
      replay_(std::make_shared<DmaReplay>(mappings_, log_)) {}

ClientDevice::~ClientDevice() {
  // The server forgets what it was told when the connection ends.
  if (space_) space_->table()->detach(replay_.get());
  endSessions();
  connection_->end(Failure::because(Reason::kClosed, "vfio-user"));
}

void ClientDevice::cancel() {
  connection_->end(Failure::because(Reason::kCancelled, "vfio-user", "the device was closed"));
}

Result<RegionInfo> ClientDevice::regionInfo(uint32_t index) {
  if (index < layout_.regions.size()) return layout_.regions[index].info;
  return Failure::system(EINVAL, "vfio-user", "VFIO_DEVICE_GET_REGION_INFO " + std::to_string(index));
}

Result<IrqInfo> ClientDevice::irqInfo(uint32_t index) {
  if (index < layout_.irqs.size()) return layout_.irqs[index];
  return Failure::system(EINVAL, "vfio-user", "VFIO_DEVICE_GET_IRQ_INFO " + std::to_string(index));
}

Result<const ClientRegion*> ClientDevice::locate(uint32_t index, uint64_t offset, uint64_t size,
                                                 const char* operation) const {
  const ClientRegion* region = index < layout_.regions.size() ? &layout_.regions[index] : nullptr;
  if (region && Area{0, region->info.size}.contains(offset, size)) return region;
  return Failure::because(Reason::kInvalidArgument, operation,
                          std::to_string(size) + " bytes at " + std::to_string(offset) + " of region " +
                              std::to_string(index) + ", which has " +
                              std::to_string(region ? region->info.size : 0));
}

// Writing device_state takes as long as any state change.
Milliseconds ClientDevice::timeoutOf(uint32_t index, uint64_t offset) const {
  const ClientOptions& options = connection_->options();
  return layout_.migrationRegion == index && offset == 0 ? options.stateTimeout : options.requestTimeout;
}

Result<size_t> ClientDevice::readRegion(uint32_t index, uint64_t offset, Bytes into) {
  auto region = locate(index, offset, into.size, "REGION_READ");
  if (!region) return std::move(region).failure();
  const auto count = static_cast<uint32_t>(std::min<size_t>(into.size, connection_->maxTransfer()));
  if (count == 0) return size_t{0};
  RegionAccessPayload asked{offset, index, count};
  RegionAccessPayload answer{};
  auto reply = connection_->call({Command::kRegionRead,
                                  {},
                                  {bytesOf(asked)},
                                  {},
                                  timeoutOf(index, offset),
                                  bytesOf(answer),
                                  into.first(count)});
  if (!reply) return std::move(reply).failure();
  if (answer.count > count || answer.count > reply->data) {
    return Failure::because(Reason::kMalformed, "REGION_READ",
                            std::to_string(answer.count) + " bytes are said to be read, " +
                                std::to_string(reply->data) + " of " + std::to_string(count) + " came");
  }
  return size_t{answer.count};
}

Result<size_t> ClientDevice::writeRegion(uint32_t index, uint64_t offset, ConstBytes from) {
  auto region = locate(index, offset, from.size, "REGION_WRITE");
  if (!region) return std::move(region).failure();
  const auto count = static_cast<uint32_t>(std::min<size_t>(from.size, connection_->writeChunk()));
  if (count == 0) return size_t{0};
  RegionAccessPayload asked{offset, index, count};
  RegionAccessPayload answer{};
  auto reply = connection_->call({Command::kRegionWrite,
                                  {},
                                  {bytesOf(asked), from.first(count)},
                                  {},
                                  timeoutOf(index, offset),
                                  bytesOf(answer),
                                  {}});
  if (!reply) return std::move(reply).failure();
  if (answer.count > count) {
    return Failure::because(Reason::kMalformed, "REGION_WRITE",
                            std::to_string(answer.count) + " of " + std::to_string(count) + " bytes written");
  }
  return size_t{answer.count};
}

Result<std::shared_ptr<Mapping>> ClientDevice::map(uint32_t index, Area area, Protection protection) {
  const std::string operation = "mapping of region " + std::to_string(index);
  auto region = locate(index, area.offset, area.size, operation.c_str());
  if (!region) return std::move(region).failure();
  const RegionInfo& info = (*region)->info;
  const bool inside = std::any_of(info.mappable.begin(), info.mappable.end(), [&](const Area& mappable) {
    return mappable.contains(area.offset, area.size);
  });
  const uint64_t at = info.offset + area.offset;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (area.size == 0 || !inside || area.offset % page != 0) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            std::to_string(area.size) + " bytes at " + std::to_string(area.offset) +
                                ": not within one of its mappable areas, or not on a page");
  }
  const auto wants = static_cast<unsigned>(protection);
  const bool allowed = ((wants & 1) == 0 || (info.flags & uapi::kVfioRegionInfoFlagRead) != 0) &&
                       ((wants & 2) == 0 || (info.flags & uapi::kVfioRegionInfoFlagWrite) != 0);
  if (!allowed) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            "the region does not allow what the mapping is for");
  }
  return PeerMapping::map((*region)->descriptor.get(), at, area.size, protection);
}

Result<RegionDescriptor> ClientDevice::regionDescriptor(uint32_t index) {
  auto region = locate(index, 0, 0, "descriptor of a region");
  if (!region) return std::move(region).failure();
  if ((*region)->info.mappable.empty()) {
    return Failure::because(Reason::kUnsupported, "descriptor of a region", "nothing of it can be mapped");
  }
  RegionDescriptor answer{UniqueFd(::fcntl((*region)->descriptor.get(), F_DUPFD_CLOEXEC, 0)),
                          (*region)->info.offset};
  if (!answer.fd) return Failure::system(errno, "fcntl", "descriptor of a region");
  return answer;
}

Result<uint64_t> ClientDevice::startDmaLog(const std::vector<IovaRange>& ranges, uint64_t /*pageSize*/) {
  return log_->start(ranges);
}

std::shared_ptr<AddressSpace> ClientDevice::addressSpace() {
  std::lock_guard lock(spaceMutex_);
  return space_;
}

Status ClientDevice::attach(std::shared_ptr<AddressSpace> space) {
  constexpr const char* kOperation = "attach a vfio-user device to an address space";
  AddressTable* table = space ? space->table() : nullptr;
  if (!table) {
    return Failure::because(Reason::kUnsupported, kOperation,
                            "it is the kernel's: a device in another process needs one without a kernel");
  }
  std::lock_guard lock(spaceMutex_);
  if (space_) return Failure::because(Reason::kBusy, kOperation, "it is attached to one: detach it first");
  // The server may use what it is told at once.
  connection_->dma().attach(space);
  if (Status attached = table->attach(replay_); !attached) {
    static_cast<void>(mappings_->unmapAll());  // the failure that counts is the first
    connection_->dma().attach(nullptr);
    return attached;
  }
  space_ = std::move(space);
  return {};
}

Status ClientDevice::detach() {
  std::lock_guard lock(spaceMutex_);
  if (!space_) return {};
  space_->table()->detach(replay_.get());
  Status unmapped = mappings_->unmapAll();
  connection_->dma().attach(nullptr);
  space_ = nullptr;
  return unmapped;
}

Status ClientDevice::feature(uint32_t flags, Bytes payload) {
  constexpr const char* kOperation = "VFIO_DEVICE_FEATURE";
  const uint32_t index = flags & uapi::kVfioDeviceFeatureMask;
  const Milliseconds timeout = connection_->options().requestTimeout;
  if ((flags & uapi::kVfioDeviceFeatureProbe) != 0) {
    auto has = features_.has(flags);
    if (!has) return std::move(has).failure();
    return *has ? Status() : Failure::system(ENOTTY, "vfio-user", kOperation, "the server does not know it");
  }
  if ((flags & uapi::kVfioDeviceFeatureGet) != 0) {
    auto got = features_.get(index, payload, {{}, payload}, kOperation, timeout);
    if (!got) return std::move(got).failure();
    return {};
  }
  if (index == uapi::kVfioDeviceFeatureMigDeviceState) {
    return Failure::because(Reason::kUnsupported, kOperation,
                            "SET of the migration state: its session would be lost");
  }
  return features_.set(index, payload, {}, kOperation, timeout);
}

}  // namespace vfm::vfio_user
