// SPDX-License-Identifier: MIT
// Lifecycle and migration. What is read and written in its regions: simulated_regions.cc.
#include "core/simulated/simulated_device.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/dma/address_table.h"
#include "core/simulated/simulated_session.h"
#include "uapi/dma_logging.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm {

namespace {

constexpr const char* kSetState = "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE";
constexpr const char* kGetState = "VFIO_DEVICE_FEATURE GET MIG_DEVICE_STATE";
constexpr const char* kGetMigration = "VFIO_DEVICE_FEATURE GET MIGRATION";
constexpr const char* kGetDataSize = "VFIO_DEVICE_FEATURE GET MIG_DATA_SIZE";

Failure invalid(std::string detail) {
  return Failure::because(Reason::kInvalidArgument, "options of a simulated device", std::move(detail));
}

Status checkFault(const SimulatedFault& fault) {
  if (fault.kind != FaultKind::kShort || movesBytes(fault.operation)) return {};
  return invalid(std::string("nothing can be short in ") + operationName(fault.operation));
}

Status checkEvent(EventKind kind, const SimulatedOptions& options) {
  if (options.protocol != SimulatedProtocol::kV2)
    return invalid("nothing happens by itself to a device without v2");
  if (kind == EventKind::kError || factsOf(options.personality).savesBehindUser) return {};
  return invalid("this happens to mlx5 only");
}

Failure closedMeanwhile() {
  return Failure::because(Reason::kCancelled, "simulated device", "closed while the call was in progress");
}

}  // namespace

// The right to change the state: one caller at a time, held over the waits of a change. Taken once settle()
// has found nobody else changing it, with the lock held in between.
class SimulatedDevice::Turn {
 public:
  explicit Turn(SimulatedDevice& device) : device_(device) { device_.changing_ = true; }
  ~Turn() {  // with the lock held, as all of the change outside its waits
    device_.changing_ = false;
    device_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  SimulatedDevice& device_;
};

Result<std::shared_ptr<SimulatedDevice>> SimulatedDevice::open(const SimulatedOptions& options) {
  if (options.stateBytes < 4096 || options.stateBytes > (1ull << 40) || options.stateBytes % 4096 != 0) {
    return invalid("the state must be a multiple of 4096 bytes, from 4096 to 2^40");
  }
  if (options.chunkBytes < 12288 || options.chunkBytes > (1ull << 30) || options.chunkBytes % 4096 != 0) {
    return invalid("a chunk must be a multiple of 4096 bytes, from 12288 to 2^30");
  }
  for (const SimulatedFault& fault : options.faults) {
    if (Status possible = checkFault(fault); !possible.ok()) return std::move(possible).failure();
  }
  for (const SimulatedEvent& event : options.events) {
    if (Status possible = checkEvent(event.kind, options); !possible.ok())
      return std::move(possible).failure();
  }
  auto machine = Machine::create(options);
  if (!machine.ok()) return std::move(machine).failure();
  std::unique_ptr<MigrationV1> v1;
  if (options.protocol == SimulatedProtocol::kV1) {
    auto made = MigrationV1::create(**machine, options);
    if (!made.ok()) return std::move(made).failure();
    v1 = std::move(*made);
  }
  std::shared_ptr<SimulatedDevice> device(new SimulatedDevice(options, std::move(*machine), std::move(v1)));
  // Sessions keep the device's memory alive, not the device: it ends with this outer pointer, as a
  // descriptor's last close ends it.
  return std::shared_ptr<SimulatedDevice>(device.get(), [device](SimulatedDevice*) mutable {
    device->close();
    device.reset();
  });
}

Result<std::shared_ptr<Device>> openSimulated(const SimulatedOptions& options) {
  auto device = SimulatedDevice::open(options);
  if (!device.ok()) return std::move(device).failure();
  return std::shared_ptr<Device>(std::move(*device));
}

SimulatedDevice::SimulatedDevice(const SimulatedOptions& options, std::unique_ptr<Machine> machine,
                                 std::unique_ptr<MigrationV1> v1)
    : options_(options),
      faults_(options),
      events_(options, faults_.ledger()),
      machine_(std::move(machine)),
      v1_(std::move(v1)) {
  machine_->dma().attach(std::make_shared<AddressTable>());
  if (options.protocol == SimulatedProtocol::kV2) v2_ = std::make_unique<MigrationV2>(*machine_, options_);
}

void SimulatedDevice::close() {
  Lock lock(mutex_);
  closed_ = true;
  if (v2_) v2_->endSessions();
  changed_.notify_all();
}

Status SimulatedDevice::checkOpen() const {
  return closed_ ? Status(Failure::because(Reason::kClosed, "simulated device")) : Status();
}

Status SimulatedDevice::settle(Lock& lock) {
  if (Status open = checkOpen(); !open.ok()) return open;
  changed_.wait(lock, [this] { return !changing_ || closed_; });
  return closed_ ? Status(closedMeanwhile()) : Status();
}

Status SimulatedDevice::pause(Lock& lock, uint32_t milliseconds, const std::function<bool()>& givenUp) {
  if (milliseconds == 0) return {};
  uint64_t era = resets_;
  auto interrupted = [&] { return closed_ || resets_ != era || (givenUp && givenUp()); };
  if (milliseconds == kForEver) {
    changed_.wait(lock, interrupted);
  } else if (!changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), interrupted)) {
    return {};
  }
  if (closed_) return closedMeanwhile();
  if (resets_ != era)
    return Failure::system(EIO, "ioctl", "simulated device", "reset while the call was in progress");
  return Failure::because(Reason::kCancelled, "simulated device");
}

void SimulatedDevice::stir(Operation operation, std::string_view argument) {
  for (const Events::Due& due : events_.before(operation, argument)) {
    if (!v2_->happen(due.kind)) continue;
    events_.happened(due.which);
    changed_.notify_all();
  }
}

Result<bool> SimulatedDevice::happen(EventKind kind) {
  if (Status possible = checkEvent(kind, options_); !possible.ok()) return std::move(possible).failure();
  Lock lock(mutex_);
  if (Status open = checkOpen(); !open.ok()) return std::move(open).failure();
  const bool effective = v2_->happen(kind);
  changed_.notify_all();
  return effective;
}

Status SimulatedDevice::trouble(Lock& lock, Operation operation, const std::string& argument,
                                const char* syscall, const char* request, size_t* size) {
  if (Status open = checkOpen(); !open.ok()) return open;
  uint32_t milliseconds = argument.empty() ? 0 : faults_.delay(operation, argument);
  if (milliseconds == 0) milliseconds = faults_.delay(operation);
  if (Status paused = pause(lock, milliseconds); !paused.ok()) return paused;
  stir(operation, argument);
  auto strike = faults_.strike(operation, argument);
  if (!strike) return {};
  if (strike->kind == FaultKind::kHang) return pause(lock, kForEver);
  if (strike->kind == FaultKind::kShort) {
    if (size) *size = strike->shortOf(*size, 0);
    return {};
  }
  if (strike->outcome == FaultOutcome::kError) {
    if (v1_) v1_->enterError();
    if (v2_) v2_->enterError();
    changed_.notify_all();
  }
  return Failure::system(strike->error, syscall, request, "a fault that was asked for");
}

Status SimulatedDevice::inject(SimulatedFault fault) {
  if (Status possible = checkFault(fault); !possible.ok()) return possible;
  Lock lock(mutex_);
  faults_.add(std::move(fault));
  return {};
}

Status SimulatedDevice::reset() {
  Lock lock(mutex_);
  if (Status fine = trouble(lock, Operation::kReset, {}, "ioctl", "VFIO_DEVICE_RESET"); !fine.ok())
    return fine;
  if (int error = resetAll()) return Failure::system(error, "ioctl", "VFIO_DEVICE_RESET");
  return {};
}

int SimulatedDevice::resetAll() {
  ++resets_;
  if (v1_) v1_->reset();
  if (v2_) v2_->reset();
  int error = machine_->reset();
  changed_.notify_all();
  return error;
}

Result<uint64_t> SimulatedDevice::migrationFlags() {
  Lock lock(mutex_);
  Status fine = trouble(lock, Operation::kMigrationFlags, {}, "ioctl", kGetMigration);
  if (!fine.ok()) return std::move(fine).failure();
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kGetMigration);
  return uint64_t{v2_->flags()};
}

Result<uint32_t> SimulatedDevice::migrationState() {
  Lock lock(mutex_);
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kGetState);
  if (Status settled = settle(lock); !settled.ok()) return std::move(settled).failure();
  if (Status fine = trouble(lock, Operation::kGetState, {}, "ioctl", kGetState); !fine.ok()) {
    return std::move(fine).failure();
  }
  return static_cast<uint32_t>(faults_.claim("state", v2_->state()));
}

Result<uint64_t> SimulatedDevice::migrationDataSize() {
  Lock lock(mutex_);
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kGetDataSize);
  if (Status settled = settle(lock); !settled.ok()) return std::move(settled).failure();
  if (Status fine = trouble(lock, Operation::kDataSize, {}, "ioctl", kGetDataSize); !fine.ok()) {
    return std::move(fine).failure();
  }
  if (v2_->functionGone()) return Failure::system(ENOTCONN, "ioctl", kGetDataSize);
  if (int error = machine_->advance()) return Failure::system(error, "ioctl", kGetDataSize);
  return faults_.claim("estimate", v2_->estimate());
}

Status SimulatedDevice::walk(Lock& lock, uint32_t target, bool& sessionLost, Failure& lost) {
  const int inError = factsOf(options_.personality).setInError;
  auto dead = [&] {
    return Failure::system(inError, "ioctl", kSetState, "the device is in its error state");
  };
  if (v2_->state() == v2::kError && inError != EINVAL) return dead();
  if (v2_->state() != target && v2_->wedged()) return pause(lock, kForEver);
  while (v2_->state() != target) {
    uint32_t next = v2::nextHop(v2_->flags(), v2_->state(), target);
    if (next == v2::kError) {
      return Failure::system(EINVAL, "ioctl", kSetState,
                             std::string("there is no way from ") + v2::stateName(v2_->state()) + " to " +
                                 v2::stateName(target));
    }
    const char* name = v2::stateName(next);
    if (Status paused = pause(lock, faults_.delay(Operation::kSetState, name)); !paused.ok()) return paused;
    stir(Operation::kSetState, name);
    if (v2_->state() == v2::kError) return dead();
    auto strike = faults_.strike(Operation::kSetState, name);
    if (strike && strike->kind == FaultKind::kHang) return pause(lock, kForEver);
    if (strike) {
      Failure failure = Failure::system(strike->error, "ioctl", kSetState,
                                        std::string("a fault that was asked for, on the way into ") + name);
      if (strike->outcome == FaultOutcome::kError) v2_->enterError();
      if (strike->outcome != FaultOutcome::kRequested) return failure;
      sessionLost = true;
      lost = std::move(failure);
    }
    if (int error = v2_->hop(next)) {
      changed_.notify_all();
      return Failure::system(error, "ioctl", kSetState, std::string("on the way into ") + name);
    }
    changed_.notify_all();  // readers whose session has just ended
  }
  return {};
}

Result<StateChange> SimulatedDevice::setMigrationState(uint32_t target) {
  Lock lock(mutex_);
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kSetState);
  if (Status settled = settle(lock); !settled.ok()) return std::move(settled).failure();
  Turn turn(*this);
  if (!v2::hasState(v2_->flags(), target)) {
    return Failure::system(EINVAL, "ioctl", kSetState, "this device has no state " + std::to_string(target));
  }
  if (Status paused = pause(lock, faults_.delay(Operation::kSetState)); !paused.ok())
    return std::move(paused).failure();

  bool wasSaving = v2::isSaving(v2_->state());
  bool wasThere = v2_->state() == target;
  bool sessionLost = false;
  Failure lost;
  if (Status walked = walk(lock, target, sessionLost, lost); !walked.ok()) return std::move(walked).failure();
  if (sessionLost) return lost;

  StateChange change;
  if (wasThere) return change;
  if (v2::isSaving(target) && !wasSaving) {
    change.session = std::make_unique<SimulatedSession>(shared_from_this(), v2_->save(), nullptr);
  } else if (target == v2::kResuming) {
    change.session = std::make_unique<SimulatedSession>(shared_from_this(), nullptr, v2_->load());
  }
  return change;
}

Status SimulatedDevice::changeStateV1(Lock& lock, uint32_t value) {
  const char* request = "write of device_state";
  if (Status settled = settle(lock); !settled.ok()) return settled;
  Turn turn(*this);
  const char* name = v1::stateName(value);
  uint32_t milliseconds = faults_.delay(Operation::kSetState, name);
  if (milliseconds == 0) milliseconds = faults_.delay(Operation::kSetState);
  if (Status paused = pause(lock, milliseconds); !paused.ok()) return paused;
  auto strike = faults_.strike(Operation::kSetState, name);
  if (strike && strike->kind == FaultKind::kHang) return pause(lock, kForEver);
  if (strike && strike->outcome != FaultOutcome::kRequested) {
    if (strike->outcome == FaultOutcome::kError) v1_->enterError();
    return Failure::system(strike->error, "pwrite", request, "a fault that was asked for");
  }
  int error = v1_->change(value);
  if (strike) error = strike->error;
  if (error != 0) return Failure::system(error, "pwrite", request, std::string("asked for ") + name);
  return {};
}

Status SimulatedDevice::feature(uint32_t flags, Bytes payload) {
  const char* request = "VFIO_DEVICE_FEATURE";
  uint32_t index = flags & uapi::kVfioDeviceFeatureMask;
  uint64_t wide = 0;
  uapi::VfioDeviceFeatureMigState state{0, -1};
  size_t size = sizeof wide;
  uint32_t possible = uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureProbe;
  bool known = index == uapi::kVfioDeviceFeatureMigration ||
               index == uapi::kVfioDeviceFeatureMigDeviceState ||
               index == uapi::kVfioDeviceFeatureMigDataSize;
  const bool log =
      index >= uapi::kVfioDeviceFeatureDmaLoggingStart && index <= uapi::kVfioDeviceFeatureDmaLoggingReport;
  if (log && v2_ && (flags & uapi::kVfioDeviceFeatureProbe)) return {};
  if (log && v2_) {
    return Failure::because(
        Reason::kUnsupported, request,
        "the raw form holds addresses; a simulated device's DMA log has calls of its own");
  }
  if (!known || !v2_) return Failure::system(ENOTTY, "ioctl", request, "feature " + std::to_string(index));
  if ((flags & uapi::kVfioDeviceFeatureProbe) != 0 && index == uapi::kVfioDeviceFeatureMigDeviceState)
    possible |= uapi::kVfioDeviceFeatureSet;
  if ((flags & uapi::kVfioDeviceFeatureProbe) != 0) {
    if ((flags & ~uapi::kVfioDeviceFeatureMask & ~possible) == 0) return {};
    return Failure::system(EINVAL, "ioctl", request, "the feature cannot be had that way");
  }
  // A session is no descriptor here, so that the raw form has nothing to hand out.
  if (flags & uapi::kVfioDeviceFeatureSet)
    return Failure::because(Reason::kUnsupported, request, "SET of a simulated device's feature");
  if ((flags & ~uapi::kVfioDeviceFeatureMask & ~possible) != 0)
    return Failure::system(EINVAL, "ioctl", request, "unknown flags");
  if (!(flags & uapi::kVfioDeviceFeatureGet) || payload.size < size)
    return Failure::system(EINVAL, "ioctl", request);
  if (index == uapi::kVfioDeviceFeatureMigDeviceState) {
    auto value = migrationState();
    if (!value.ok()) return std::move(value).failure();
    state.device_state = *value;
    std::memcpy(payload.data, &state, sizeof state);
    return {};
  }
  auto value = index == uapi::kVfioDeviceFeatureMigration ? migrationFlags() : migrationDataSize();
  if (!value.ok()) return std::move(value).failure();
  wide = *value;
  std::memcpy(payload.data, &wide, sizeof wide);
  return {};
}

}  // namespace vfm
