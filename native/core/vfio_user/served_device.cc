// SPDX-License-Identifier: MIT
#include "core/vfio_user/served_device.h"

#include "uapi/dma_logging.h"
#include "uapi/feature.h"
#include "uapi/migration_v1.h"
#include "uapi/migration_v2.h"
#include "uapi/pci.h"

namespace vfm::vfio_user {

ServedDevice::ServedDevice(std::shared_ptr<Device> device, std::shared_ptr<DmaMessages> messages,
                           const ServeOptions& options, const Negotiated& negotiated)
    : device_(std::move(device)),
      negotiated_(negotiated),
      strict_(options.strict),
      dma_(device_, std::move(messages), options, negotiated.maxTransfer),
      migration_(device_, negotiated.maxTransfer) {}

Reply ServedDevice::answer(Request& request) {
  const bool takesDescriptors =
      request.command == Command::kDmaMap || request.command == Command::kDeviceSetIrqs;
  if (!request.descriptors.empty() && !takesDescriptors) return Reply(EINVAL);
  if (request.payload.size == 0 && request.command != Command::kDeviceReset) return Reply(EINVAL);
  if (strict_ && refusedWhileStopped(request)) return Reply(EINVAL);
  if (device_->descriptor() >= 0 && touchesQuietDevice(request)) return Reply(EIO);
  return dispatch(request);
}

Reply ServedDevice::dispatch(Request& request) {
  switch (request.command) {
    case Command::kDmaMap:
      return dma_.map(request);
    case Command::kDmaUnmap:
      return dma_.unmap(request);
    case Command::kDeviceGetInfo:
      return deviceInfo(request);
    case Command::kDeviceGetRegionInfo:
      return regionInfo(request);
    case Command::kDeviceGetRegionIoFds:
      return regionIoFds(request);
    case Command::kDeviceGetIrqInfo:
      return irqInfo(request);
    case Command::kDeviceSetIrqs:
      return setIrqs(request);
    case Command::kRegionRead:
      return readRegion(request);
    case Command::kRegionWrite:
      return writeRegion(request);
    case Command::kDeviceReset:
      return reset(request);
    case Command::kDirtyPages:
      return migration_.protocol() == 1 ? dma_.dirtyPages(request) : Reply(EINVAL);
    case Command::kRegionWriteMulti:
      return negotiated_.writeMultiple ? writeRegions(request) : Reply(EINVAL);
    case Command::kDeviceFeature:
      return deviceFeature(request);
    case Command::kMigDataRead:
      return migration_.protocol() == 2 ? migration_.readData(request) : Reply(EINVAL);
    case Command::kMigDataWrite:
      return migration_.protocol() == 2 ? migration_.writeData(request) : Reply(EINVAL);
    // A second VERSION; those that only a server sends; and numbers that are no command.
    case Command::kVersion:
    case Command::kDmaRead:
    case Command::kDmaWrite:
      break;
  }
  return Reply(EINVAL);
}

bool ServedDevice::refusedWhileStopped(const Request& request) {
  const uint32_t protocol = migration_.protocol();
  if (protocol == 0) return false;
  auto state = migration_.state();
  if (!state) return false;
  const bool v2 = protocol == 2;
  const uint32_t bits = *state & uapi::kVfioDeviceStateMask;
  const bool copying = v2 ? *state == uapi::kVfioDeviceStateStopCopy : bits == uapi::kVfioDeviceStateV1Saving;
  const bool stopped = v2 ? *state == uapi::kVfioDeviceStateStop : bits == uapi::kVfioDeviceStateV1Stop;
  if (!copying && !stopped) return false;
  switch (request.command) {
    case Command::kDeviceFeature:
    case Command::kMigDataRead:
      return !v2;
    case Command::kDirtyPages:
      return v2;
    case Command::kRegionRead:
    case Command::kRegionWrite: {
      RegionAccessPayload access{};
      if (!copying || !request.begin(access)) return false;
      return v2 || access.region != migration_.region();
    }
    default:
      return true;
  }
}

bool ServedDevice::touchesQuietDevice(const Request& request) {
  const bool access = request.command == Command::kRegionRead || request.command == Command::kRegionWrite;
  const bool many = request.command == Command::kRegionWriteMulti;
  const uint32_t protocol = migration_.protocol();
  if ((!access && !many) || protocol == 0) return false;
  RegionAccessPayload one{};
  if (access && !request.begin(one)) return false;
  // Config space is the kernel's to answer, and what comes behind VGA the driver's.
  if (access && (one.region == uapi::kVfioPciConfigRegionIndex || one.region > uapi::kVfioPciVgaRegionIndex))
    return false;
  auto state = migration_.state();
  if (!state) return true;
  if (protocol == 1) return (*state & uapi::kVfioDeviceStateV1Running) == 0;
  return *state == uapi::kVfioDeviceStateError || *state == uapi::kVfioDeviceStateStop ||
         *state == uapi::kVfioDeviceStateStopCopy || *state == uapi::kVfioDeviceStateResuming;
}

Reply ServedDevice::deviceFeature(const Request& request) {
  uapi::VfioDeviceFeature asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  const uint32_t get = uapi::kVfioDeviceFeatureGet;
  const uint32_t set = uapi::kVfioDeviceFeatureSet;
  const uint32_t probe = uapi::kVfioDeviceFeatureProbe;
  const uint32_t operation = asked.flags & ~uapi::kVfioDeviceFeatureMask;
  if ((operation & ~(get | set | probe)) != 0) return Reply(EINVAL);
  uint32_t possible = 0;
  size_t size = 0;  // of what GET answers
  const uint32_t index = asked.flags & uapi::kVfioDeviceFeatureMask;
  switch (index) {
    case uapi::kVfioDeviceFeatureMigration:
    case uapi::kVfioDeviceFeatureMigDataSize:
      possible = get;
      size = sizeof(uint64_t);
      break;
    case uapi::kVfioDeviceFeatureMigDeviceState:
      possible = get | set;
      size = sizeof(uapi::VfioDeviceFeatureMigState);
      break;
    case uapi::kVfioDeviceFeatureDmaLoggingStart:
    case uapi::kVfioDeviceFeatureDmaLoggingStop:
      possible = set;
      break;
    case uapi::kVfioDeviceFeatureDmaLoggingReport:
      possible = get;
      break;
    default:
      break;
  }
  // A device of v1 has none of them: that is how a client tells. One without migration can still be logged.
  const bool logs =
      index >= uapi::kVfioDeviceFeatureDmaLoggingStart && index <= uapi::kVfioDeviceFeatureDmaLoggingReport;
  if (migration_.protocol() != 2 && (migration_.protocol() == 1 || !logs)) possible = 0;
  if (possible == 0 || (operation & (get | set) & ~possible) != 0) return Reply(EINVAL);
  if ((operation & probe) != 0) {
    Reply reply;
    reply.add(request.payload);
    return reply;
  }
  if (operation != get && operation != set) return Reply(EINVAL);
  if (operation == get && asked.argsz < sizeof asked + size) return Reply(EINVAL);

  Reply reply;
  switch (index) {
    case uapi::kVfioDeviceFeatureMigration:
      return migration_.flags();
    case uapi::kVfioDeviceFeatureMigDataSize:
      return migration_.dataSize();
    case uapi::kVfioDeviceFeatureMigDeviceState:
      return operation == get ? migration_.getState() : migration_.setState(request);
    case uapi::kVfioDeviceFeatureDmaLoggingStart:
      return dma_.startLog(request);
    case uapi::kVfioDeviceFeatureDmaLoggingReport:
      return dma_.reportLog(request, asked.argsz);
    default:
      reply = dma_.stopLog();
      if (reply.error == 0) reply.add(request.payload);
      return reply;
  }
}

Reply ServedDevice::reset(const Request& request) {
  if (request.payload.size != 0) return Reply(EINVAL);
  if (Status done = device_->reset(); !done) return done.failure();
  migration_.endSession();
  return {};
}

Departure ServedDevice::end() {
  disarm();
  Departure departure = migration_.end();
  // Last: a device that still ran may have been writing.
  dma_.end();
  return departure;
}

}  // namespace vfm::vfio_user
