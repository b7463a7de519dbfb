// SPDX-License-Identifier: MIT
#include "core/vfio_user/server_migration.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/device/bulk_access.h"
#include "uapi/feature.h"
#include "uapi/migration_v1.h"
#include "uapi/migration_v2.h"

namespace vfm::vfio_user {
namespace {

constexpr uint32_t kMostRegions = 4096;  // looked at for one with v1's registers

Reply feature(uint32_t index, const void* data, size_t size) {
  const uapi::VfioDeviceFeature head{static_cast<uint32_t>(sizeof(uapi::VfioDeviceFeature) + size),
                                     index | uapi::kVfioDeviceFeatureGet};
  Reply reply;
  reply.add(head).add(ConstBytes{static_cast<const uint8_t*>(data), size});
  return reply;
}

bool isSaving(uint32_t state) {
  return state == uapi::kVfioDeviceStatePreCopy || state == uapi::kVfioDeviceStatePreCopyP2p ||
         state == uapi::kVfioDeviceStateStopCopy;
}

// Where a v2 device goes that a client left in the middle of something; its state itself: nowhere.
uint32_t refuge(uint32_t state) {
  switch (state) {
    case uapi::kVfioDeviceStatePreCopy:
      return uapi::kVfioDeviceStateRunning;
    case uapi::kVfioDeviceStatePreCopyP2p:
      return uapi::kVfioDeviceStateRunningP2p;
    case uapi::kVfioDeviceStateStopCopy:
      return uapi::kVfioDeviceStateStop;
    default:
      return state;
  }
}

}  // namespace

ServedMigration::ServedMigration(std::shared_ptr<Device> device, uint64_t maxTransfer)
    : device_(std::move(device)), maxTransfer_(maxTransfer) {
  if (device_->migrationFlags()) {
    protocol_ = 2;
  } else {
    findRegion();
  }
}

void ServedMigration::findRegion() {
  auto info = device_->info();
  if (!info) return;
  for (uint32_t index = 0; index < std::min(info->regions, kMostRegions); ++index) {
    auto region = device_->regionInfo(index);
    if (!region || !region->type) continue;
    if (region->type->type == uapi::kVfioRegionTypeMigrationDeprecated &&
        region->type->subtype == uapi::kVfioRegionSubtypeMigrationDeprecated) {
      region_ = index;
      protocol_ = 1;
      return;
    }
  }
}

Result<uint32_t> ServedMigration::state() const {
  if (protocol_ == 2) return device_->migrationState();
  if (!region_) return Failure::system(ENOTTY, "", "state of a device without migration");
  auto value = readRegister(*device_, *region_, 0, sizeof(uint32_t));
  if (!value) return std::move(value).failure();
  return static_cast<uint32_t>(*value);
}

Reply ServedMigration::flags() {
  auto flags = device_->migrationFlags();
  if (!flags) return flags.failure();
  const uapi::VfioDeviceFeatureMigration migration{*flags};
  return feature(uapi::kVfioDeviceFeatureMigration, &migration, sizeof migration);
}

Reply ServedMigration::getState() {
  auto state = device_->migrationState();
  if (!state) return state.failure();
  const uapi::VfioDeviceFeatureMigState answer{*state, -1};
  return feature(uapi::kVfioDeviceFeatureMigDeviceState, &answer, sizeof answer);
}

Reply ServedMigration::dataSize() {
  auto size = device_->migrationDataSize();
  if (!size) return size.failure();
  const uapi::VfioDeviceFeatureMigDataSize answer{*size};
  return feature(uapi::kVfioDeviceFeatureMigDataSize, &answer, sizeof answer);
}

Reply ServedMigration::setState(const Request& request) {
  uapi::VfioDeviceFeatureMigState asked{};
  if (!request.at(sizeof(uapi::VfioDeviceFeature), asked)) return Reply(EINVAL);
  auto changed = device_->setMigrationState(asked.device_state);
  uint32_t reached = asked.device_state;
  if (!changed) {
    // Part of the way may be gone; only the device knows.
    auto state = device_->migrationState();
    reached = state ? *state : uapi::kVfioDeviceStateError;
  }
  {
    std::lock_guard lock(mutex_);
    if (changed && changed->session) session_ = std::move(changed->session);
    if (!isSaving(reached) && reached != uapi::kVfioDeviceStateResuming) session_.reset();
  }
  if (!changed) return changed.failure();
  Reply reply;
  reply.add(request.payload);
  return reply;
}

std::shared_ptr<Session> ServedMigration::session() const {
  std::lock_guard lock(mutex_);
  return interrupted_ ? nullptr : session_;
}

Reply ServedMigration::readData(const Request& request) {
  MigDataPayload asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  if (asked.size == 0 || asked.size > maxTransfer_) return Reply(EINVAL);
  auto state = device_->migrationState();
  if (!state) return state.failure();
  const std::shared_ptr<Session> session = this->session();
  if (!isSaving(*state) || !session) return Reply(EINVAL);

  // As libvfio-user's server answers and its clients expect: with room for all that was asked for.
  Reply reply;
  reply.payload.resize(sizeof(MigDataPayload) + asked.size);
  const Bytes data{reply.payload.data() + sizeof(MigDataPayload), asked.size};
  Result<ReadOutcome> read = session->read(data);
  // Nothing right now is no end, and the protocol has no word for it.
  while (read && read->progress == Progress::kAgain && !interrupted_) {
    std::this_thread::sleep_for(Milliseconds(2));
    read = session->read(data);
  }
  if (!read) return read.failure();
  if (read->progress == Progress::kAgain) return Reply(ECANCELED);
  const auto bytes = static_cast<uint32_t>(read->bytes);
  const MigDataPayload answer{static_cast<uint32_t>(sizeof answer) + bytes, bytes};
  std::memcpy(reply.payload.data(), &answer, sizeof answer);
  return reply;
}

Reply ServedMigration::writeData(const Request& request) {
  MigDataPayload asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked || asked.size > maxTransfer_ ||
      request.payload.size - sizeof asked != asked.size) {
    return Reply(EINVAL);
  }
  auto state = device_->migrationState();
  if (!state) return state.failure();
  const std::shared_ptr<Session> session = this->session();
  if (*state != uapi::kVfioDeviceStateResuming || !session) return Reply(EINVAL);
  ConstBytes data = request.payload.from(sizeof asked);
  while (data.size > 0) {
    auto wrote = session->write(data);
    if (!wrote) return wrote.failure();
    if (*wrote == 0 || *wrote > data.size) return Reply(EIO);
    data = data.from(*wrote);
  }
  return {};
}

void ServedMigration::endSession() {
  std::lock_guard lock(mutex_);
  session_.reset();
}

void ServedMigration::interrupt() {
  std::lock_guard lock(mutex_);
  interrupted_ = true;
  if (session_) session_->cancel();
}

Status ServedMigration::leave(uint32_t state, Departure& departure) {
  if (protocol_ == 2) {
    if (state == uapi::kVfioDeviceStateResuming) {
      departure.reset = true;
      return device_->reset();
    }
    if (refuge(state) == state) return {};
    auto changed = device_->setMigrationState(refuge(state));
    return changed ? Status() : Status(changed.failure());
  }
  const uint32_t bits = state & uapi::kVfioDeviceStateMask;
  if (bits == uapi::kVfioDeviceStateV1Resuming) {
    departure.reset = true;
    return device_->reset();
  }
  const uint32_t saving = uapi::kVfioDeviceStateV1Saving;
  if (bits != saving && bits != (saving | uapi::kVfioDeviceStateV1Running)) return {};
  return writeRegister(*device_, *region_, 0, sizeof(uint32_t), state & ~saving);
}

Departure ServedMigration::end() {
  Departure departure;
  departure.protocol = protocol_;
  if (protocol_ == 0) return departure;
  auto found = state();
  if (!found) {
    departure.trouble = found.failure();
    endSession();
    return departure;
  }
  departure.found = departure.left = *found;
  Status left = leave(*found, departure);
  endSession();
  if (!left) departure.trouble = left.failure();
  if (auto now = state()) departure.left = *now;
  return departure;
}

}  // namespace vfm::vfio_user
