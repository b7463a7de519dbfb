// SPDX-License-Identifier: MIT
// The v2 half of ClientDevice, and reset, which has to do with it.
#include "core/vfio_user/client_migration.h"

#include "core/v1/registers.h"
#include "core/vfio_user/client_device.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm::vfio_user {
namespace {

constexpr const char* kGetState = "VFIO_DEVICE_FEATURE GET MIG_DEVICE_STATE";
constexpr const char* kSetState = "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE";
constexpr const char* kGetMigration = "VFIO_DEVICE_FEATURE GET MIGRATION";
constexpr const char* kGetDataSize = "VFIO_DEVICE_FEATURE GET MIG_DATA_SIZE";

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

bool isSaving(uint32_t state) {
  return state == uapi::kVfioDeviceStateStopCopy || state == uapi::kVfioDeviceStatePreCopy ||
         state == uapi::kVfioDeviceStatePreCopyP2p;
}

}  // namespace

Result<uint32_t> readMigrationState(const ClientFeatures& features) {
  uapi::VfioDeviceFeatureMigState state{};
  auto got = features.get(uapi::kVfioDeviceFeatureMigDeviceState, {}, {bytesOf(state), {}}, kGetState,
                          features.requestTimeout());
  if (!got) return std::move(got).failure();
  return uint32_t{state.device_state};
}

Status writeMigrationState(const ClientFeatures& features, uint32_t state, Milliseconds timeout) {
  uapi::VfioDeviceFeatureMigState request{state, -1};
  return features.set(uapi::kVfioDeviceFeatureMigDeviceState, bytesOf(request), {}, kSetState, timeout);
}

Result<uint64_t> ClientDevice::migrationFlags() {
  if (!features_.migration()) {
    return Failure::system(ENOTTY, "vfio-user", kGetMigration, "the server does not know the feature");
  }
  return features_.migrationFlags();
}

Result<uint32_t> ClientDevice::migrationState() {
  if (!features_.migration()) return Failure::system(ENOTTY, "vfio-user", kGetState);
  // As the kernel's: behind a state change in progress.
  std::lock_guard lock(stateChange_);
  return readMigrationState(features_);
}

Result<uint64_t> ClientDevice::migrationDataSize() {
  if (!features_.dataSize()) {
    return Failure::because(Reason::kUnsupported, kGetDataSize, "the server does not say");
  }
  uapi::VfioDeviceFeatureMigDataSize size{};
  auto got = features_.get(uapi::kVfioDeviceFeatureMigDataSize, {}, {bytesOf(size), {}}, kGetDataSize,
                           features_.requestTimeout());
  if (!got) return std::move(got).failure();
  return uint64_t{size.stop_copy_length};
}

void ClientDevice::endSessions() {
  std::lock_guard lock(sessionMutex_);
  if (session_) *session_ = true;
  session_ = nullptr;
}

Result<StateChange> ClientDevice::setMigrationState(uint32_t state) {
  if (!features_.migration()) return Failure::system(ENOTTY, "vfio-user", kSetState);
  std::lock_guard lock(stateChange_);
  auto before = readMigrationState(features_);
  if (!before) return std::move(before).failure();
  // No arc, and servers that walk arcs only refuse it.
  if (*before == state) return StateChange{};
  if (*before == uapi::kVfioDeviceStateError) {
    return Failure::system(EINVAL, "", kSetState,
                           "the device is in its error state: only a reset leads out of it");
  }
  Status set = writeMigrationState(features_, state, connection_->options().stateTimeout);
  if (!set) {
    // The device may have gone part of the way.
    auto after = readMigrationState(features_);
    if (after && *after != *before && !(isSaving(*before) && isSaving(*after))) endSessions();
    return std::move(set).failure();
  }
  const bool continues = isSaving(*before) && isSaving(state);
  if (continues) return StateChange{};
  endSessions();
  StateChange change;
  if (!isSaving(state) && state != uapi::kVfioDeviceStateResuming) return change;
  auto end = std::make_shared<SessionEnd>(false);
  {
    std::lock_guard sessions(sessionMutex_);
    session_ = end;
  }
  const auto kind = isSaving(state) ? ClientSession::Kind::kSave : ClientSession::Kind::kLoad;
  change.session = std::make_unique<ClientSession>(connection_, features_, std::move(end), kind);
  return change;
}

// A server refuses to reset what is stopped.
Status ClientDevice::leaveStopped() {
  const Milliseconds timeout = connection_->options().stateTimeout;
  if (features_.migration()) {
    auto state = readMigrationState(features_);
    if (!state) return std::move(state).failure();
    if (*state != uapi::kVfioDeviceStateStop && *state != uapi::kVfioDeviceStateStopCopy) return {};
    return writeMigrationState(features_, uapi::kVfioDeviceStateRunning, timeout);
  }
  if (!layout_.migrationRegion) return {};
  V1Registers registers(*this, *layout_.migrationRegion);
  auto state = registers.deviceState();
  if (!state) return std::move(state).failure();
  const uint32_t bits = *state & V1Registers::kStateMask;
  if (bits != 0 && bits != V1Registers::kStopCopy) return {};
  // From stop-copy there is a way to stop and from there to running; not every server knows the shorter one.
  for (uint32_t next : {uint32_t{0}, V1Registers::kRunning}) {
    if (next == bits) continue;
    if (Status left = registers.setDeviceState((*state & ~V1Registers::kStateMask) | next); !left)
      return left;
  }
  return {};
}

Status ClientDevice::runAfterReset() {
  if (!features_.migration()) return {};
  auto state = readMigrationState(features_);
  if (!state) return std::move(state).failure();
  if (*state == uapi::kVfioDeviceStateRunning) return {};
  return writeMigrationState(features_, uapi::kVfioDeviceStateRunning, connection_->options().stateTimeout);
}

Status ClientDevice::reset() {
  // No lock: a device stuck in a state change is what reset is for.
  if (Status left = leaveStopped(); !left && left.failure().reason != Reason::kSystem) return left;
  const Milliseconds timeout = connection_->options().stateTimeout;
  auto reply = connection_->call({Command::kDeviceReset, "VFIO_DEVICE_RESET", {}, {}, timeout, {}, {}});
  if (!reply) return std::move(reply).failure();
  endSessions();
  return runAfterReset();
}

}  // namespace vfm::vfio_user
