// SPDX-License-Identifier: MIT
#include "source.h"

#include <limits.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/data/session_source.h"
#include "core/kernel/open_device.h"
#include "core/simulated/simulated_device.h"
#include "core/v1/registers.h"
#include "core/v1/save_rounds.h"
#include "uapi/migration_v2.h"

namespace bench {
namespace {

constexpr uint32_t kSeed = 7;

template <typename T>
T must(vfm::Result<T> result, const char* what) {
  if (!result) {
    die(std::string(what) + ": errno " + std::to_string(result.failure().error) + " " +
        result.failure().operation + " " + result.failure().detail);
  }
  return std::move(result).value();
}

// `path`: a device in sysfs, such as that of an mdev.
std::shared_ptr<vfm::Device> openKernel(const std::string& path) {
  char group[PATH_MAX];
  const std::string link = path + "/iommu_group";
  const ssize_t length = ::readlink(link.c_str(), group, sizeof group - 1);
  if (length < 0) die("no IOMMU group: " + link);
  group[length] = 0;
  const std::string target = group;
  vfm::kernel::DeviceLocation location;
  location.group.number = static_cast<uint32_t>(std::atoi(target.substr(target.rfind('/') + 1).c_str()));
  location.name = path.substr(path.rfind('/') + 1);
  return must(vfm::kernel::openDevice(vfm::kernel::Sys::real(), location, {}), "open the device");
}

}  // namespace

Source Source::open(const Arguments& arguments) {
  Source source;
  const std::string kind = arguments.text("source", "v2");
  if (kind == "v1-mapped")
    source.kind_ = Kind::kV1Mapped;
  else if (kind == "v1-trapped")
    source.kind_ = Kind::kV1Trapped;
  else if (kind != "v2")
    die("--source is v1-mapped, v1-trapped or v2, not " + kind);
  source.region_ = static_cast<uint32_t>(arguments.number("region", source.region_));
  source.deviceChunk_ = arguments.number("device-chunk", 1u << 20);
  if (arguments.has("device")) {
    source.device_ = openKernel(arguments.text("device", ""));
  } else {
    vfm::SimulatedOptions options;
    options.stateBytes = arguments.number("bytes", 1ull << 30);
    options.seed = kSeed;
    if (source.kind_ != Kind::kV2) {
      options.protocol = vfm::SimulatedProtocol::kV1;
      options.chunkBytes = source.deviceChunk_;
      options.data = source.kind_ == Kind::kV1Mapped ? vfm::DataSection::kMapped : vfm::DataSection::kTrapped;
    }
    source.device_ = must(vfm::openSimulated(options), "make the simulated device");
  }
  if (source.kind_ == Kind::kV2) return source;
  const vfm::RegionInfo region = must(source.device_->regionInfo(source.region_), "the migration region");
  source.deviceChunk_ = region.size;  // no chunk is larger
  if (source.kind_ == Kind::kV1Mapped) {
    if (region.mappable.empty()) die("the migration region cannot be mapped");
    const vfm::Area area = region.mappable.front();
    source.mapping_ = must(source.device_->map(source.region_, area, vfm::Protection::kRead), "mmap");
    source.mappedAt_ = area.offset;
  }
  return source;
}

uint64_t Source::registerAt(uint64_t offset) {
  uint64_t value = 0;
  must(device_->readRegion(region_, offset, {reinterpret_cast<uint8_t*>(&value), sizeof value}), "register");
  return value;
}

void Source::setState(uint32_t state) {
  must(device_->writeRegion(region_, vfm::V1Registers::kDeviceState,
                            {reinterpret_cast<const uint8_t*>(&state), sizeof state}),
       "device_state");
}

void Source::stop() {
  if (kind_ != Kind::kV2) return setState(vfm::V1Registers::kStopCopy);
  session_ = must(device_->setMigrationState(vfm::uapi::kVfioDeviceStateStopCopy), "STOP_COPY").session;
}

void Source::resume() {
  if (kind_ != Kind::kV2) return setState(vfm::V1Registers::kRunning);
  must(device_->setMigrationState(vfm::uapi::kVfioDeviceStateRunning), "RUNNING");
  session_.reset();
}

Piece Source::next(uint8_t* buffer, size_t size, bool aside) {
  if (kind_ == Kind::kV2) {
    const vfm::ReadOutcome outcome = must(session_->read({buffer, size}), "read");
    if (outcome.progress == vfm::Progress::kEnd) return {};
    if (outcome.progress != vfm::Progress::kBytes) die("a stopped device has nothing for now");
    return {buffer, outcome.bytes};
  }
  if (registerAt(vfm::V1Registers::kPendingBytes) == 0) return {};
  const uint64_t offset = registerAt(vfm::V1Registers::kDataOffset);
  const uint64_t length = registerAt(vfm::V1Registers::kDataSize);
  if (kind_ == Kind::kV1Mapped) {
    if (offset < mappedAt_ || length > mapping_->size() || offset - mappedAt_ > mapping_->size() - length)
      die("the chunk lies outside of the mapping");
    const uint8_t* mapped = mapping_->data() + (offset - mappedAt_);
    if (!aside) return {mapped, length};
    if (length > size) die("a chunk of " + std::to_string(length) + " bytes has no room");
    std::memcpy(buffer, mapped, length);
    return {buffer, length};
  }
  if (length > size) die("a chunk of " + std::to_string(length) + " bytes has no room");
  for (size_t done = 0; done < length;) {
    done += must(device_->readRegion(region_, offset + done, {buffer + done, length - done}), "data");
  }
  return {buffer, length};
}

std::unique_ptr<vfm::ChunkSource> Source::chunks(size_t bufferSize) const {
  if (kind_ == Kind::kV2) return std::make_unique<vfm::SessionSource>(session_, bufferSize);
  const auto path = kind_ == Kind::kV1Mapped ? vfm::DataPath::kMapped : vfm::DataPath::kTrapped;
  return std::make_unique<vfm::V1SaveRounds>(device_, region_, path, size_t{1} << 30);
}

}  // namespace bench
