// SPDX-License-Identifier: MIT
// The v2 half of KernelDevice.
#include <fcntl.h>

#include <string>

#include "core/kernel/descriptor_kind.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/kernel_session.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm::kernel {
namespace {

constexpr const char* kSet = "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE";

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

bool carriesData(uint32_t state) {
  return state == uapi::kVfioDeviceStateStopCopy || state == uapi::kVfioDeviceStatePreCopy ||
         state == uapi::kVfioDeviceStatePreCopyP2p || state == uapi::kVfioDeviceStateResuming;
}

}  // namespace

Result<uint64_t> KernelDevice::migrationFlags() {
  uapi::VfioDeviceFeatureMigration migration{};
  auto got = handle_->feature(uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureMigration,
                              bytesOf(migration), "VFIO_DEVICE_FEATURE GET MIGRATION");
  if (!got) return std::move(got).failure();
  return uint64_t{migration.flags};
}

Result<uint32_t> KernelDevice::migrationState() { return handle_->migrationState(); }

Result<uint64_t> KernelDevice::migrationDataSize() {
  uapi::VfioDeviceFeatureMigDataSize size{};
  auto got = handle_->feature(uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureMigDataSize,
                              bytesOf(size), "VFIO_DEVICE_FEATURE GET MIG_DATA_SIZE");
  if (!got) return std::move(got).failure();
  return uint64_t{size.stop_copy_length};
}

Result<StateChange> KernelDevice::setMigrationState(uint32_t state) {
  std::lock_guard lock(handle_->stateChange());

  auto before = handle_->migrationState();
  if (!before) return std::move(before).failure();
  if (*before == uapi::kVfioDeviceStateError) {
    return Failure::system(EINVAL, "", kSet,
                           "the device is in its error state: only a reset leads out of it");
  }

  // The kernel makes the data descriptor after the transition: with none free the device sits in a state that
  // carries data nobody can reach. So one is taken first and given back at the last moment. Another thread
  // may still snatch it.
  Descriptor reserved;
  if (carriesData(state) && *before != state) {
    const int fd = handle_->sys().fcntl(handle_->fd(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
      return Failure::system(-fd, "fcntl", kSet,
                             "no descriptor free for the data; the device was not touched");
    reserved = Descriptor(handle_->sys(), fd);
  }
  reserved.reset();

  uapi::VfioDeviceFeatureMigState request{};
  request.device_state = state;
  request.data_fd = -1;  // 0 is a descriptor, and not every answer fills this in
  auto set = handle_->feature(uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureMigDeviceState,
                              bytesOf(request), kSet);
  if (!set) return std::move(set).failure();

  StateChange change;
  if (request.data_fd == -1) return change;
  auto data = acceptDataDescriptor(request.data_fd, state);
  if (!data) return std::move(data).failure();
  change.session = KernelSession::make(handle_, std::move(data).value());
  return change;
}

Result<std::unique_ptr<Session>> KernelDevice::adoptSession(int fd) {
  Sys& sys = handle_->sys();
  auto identity = requireKind(sys, fd, DescriptorKind::kMigrationData);
  if (!identity) return std::move(identity).failure();
  const int copy = sys.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Failure::system(-copy, "fcntl", "adoption of a session");
  return std::unique_ptr<Session>(KernelSession::make(handle_, Descriptor(sys, copy)));
}

Result<Descriptor> KernelDevice::acceptDataDescriptor(int fd, uint32_t state) {
  Sys& sys = handle_->sys();
  // A number that is not a new descriptor is somebody else's: it must not be closed either.
  if (fd < 0 || fd == handle_->fd()) {
    return Failure::because(Reason::kMalformed, kSet, "data descriptor " + std::to_string(fd));
  }
  const int flags = sys.fcntl(fd, F_GETFD, 0);
  if (flags < 0) {
    return Failure::because(Reason::kMalformed, kSet,
                            "data descriptor " + std::to_string(fd) + " is not open");
  }
  Descriptor data(sys, fd);
  if (!carriesData(state)) {
    return Failure::because(Reason::kMalformed, kSet,
                            "a data descriptor for state " + std::to_string(state) + ", which has no data");
  }
  if ((flags & FD_CLOEXEC) == 0) {
    const int set = sys.fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (set < 0) return Failure::system(-set, "fcntl", kSet, "close-on-exec of the data descriptor");
  }
  return data;
}

}  // namespace vfm::kernel
