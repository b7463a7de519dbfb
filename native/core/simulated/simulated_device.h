// SPDX-License-Identifier: MIT
// A whole VFIO device in this process, for machines without one and for faults on demand
// (docs/test-device.md). Everything a client can do to it goes through here: the lock, the faults and the
// delays are here, the rules are in the parts.
//
// One lock guards all of it and is never held while waiting: a state change that takes long has the device
// marked as changing, which holds back other state changes and reading the state, and nothing else. A reset
// or close() ends its wait, and the change fails.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/device/device.h"
#include "core/simulated/events.h"
#include "core/simulated/faults.h"
#include "core/simulated/machine.h"
#include "core/simulated/migration_v1.h"
#include "core/simulated/migration_v2.h"

namespace vfm {

class SimulatedDevice final : public Device, public std::enable_shared_from_this<SimulatedDevice> {
 public:
  // When the last holder of the result lets go, the device is gone: sessions still held answer ENODEV.
  static Result<std::shared_ptr<SimulatedDevice>> open(const SimulatedOptions& options);

  int descriptor() const override { return -1; }
  Result<DeviceInfo> info() override;
  Result<RegionInfo> regionInfo(uint32_t index) override;
  Result<IrqInfo> irqInfo(uint32_t index) override;
  Status setIrqs(const IrqRequest& request) override;
  Status reset() override;
  Result<size_t> readRegion(uint32_t index, uint64_t offset, Bytes into) override;
  Result<size_t> writeRegion(uint32_t index, uint64_t offset, ConstBytes from) override;
  Result<std::shared_ptr<Mapping>> map(uint32_t index, Area area, Protection protection) override;
  Result<RegionDescriptor> regionDescriptor(uint32_t index) override;
  Result<uint64_t> migrationFlags() override;
  Result<uint32_t> migrationState() override;
  Result<StateChange> setMigrationState(uint32_t state) override;
  Result<uint64_t> migrationDataSize() override;
  Result<uint64_t> startDmaLog(const std::vector<IovaRange>& ranges, uint64_t pageSize) override;
  Status reportDmaLog(DirtyBitmap& into) override;
  Status stopDmaLog() override;
  // A table of its own from the start.
  std::shared_ptr<AddressSpace> addressSpace() override;
  Status attach(std::shared_ptr<AddressSpace> space) override;
  Status detach() override;
  Status feature(uint32_t flags, Bytes payload) override;
  void cancel() override { close(); }

  // From now on this goes wrong as well. Calls before it do not count.
  Status inject(SimulatedFault fault);
  // Right now. False: without effect on this device in its present state.
  Result<bool> happen(EventKind kind);
  // What was asked of it and what went wrong; may be read at any time, also after the device.
  const std::shared_ptr<Ledger>& ledger() const { return faults_.ledger(); }

 private:
  friend class SimulatedSession;
  class Turn;
  using Lock = std::unique_lock<std::mutex>;

  SimulatedDevice(const SimulatedOptions& options, std::unique_ptr<Machine> machine,
                  std::unique_ptr<MigrationV1> v1);
  void close();

  // Waits out the delay for this call, unlocked; fails when close() or a reset comes in between, or `givenUp`
  // turns true. kForEver: one of these it must be.
  static constexpr uint32_t kForEver = UINT32_MAX;
  Status pause(Lock& lock, uint32_t milliseconds, const std::function<bool()>& givenUp = {});
  // What happens by itself before this call.
  void stir(Operation operation, std::string_view argument);
  // The delay, then the fault, of a plain call. `argument` may be empty. `size`: what the call may move, made
  // less by a fault that wants that.
  Status trouble(Lock& lock, Operation operation, const std::string& argument, const char* syscall,
                 const char* request, size_t* size = nullptr);
  Status checkOpen() const;
  // Waits until nobody changes the state: what reading it and changing it begin with.
  Status settle(Lock& lock);

  // Everything a reset does, however it was asked for. 0 or an errno.
  int resetAll();
  Result<RegionInfo> describe(uint32_t index);
  Result<size_t> accessRegion(uint32_t index, uint64_t offset, size_t size, uint8_t* into,
                              const uint8_t* from);
  int accessRegisters(uint64_t offset, size_t size, uint8_t* into, const uint8_t* from);
  Status changeStateV1(Lock& lock, uint32_t value);
  // Hop by hop to `target`; a failed hop leaves the device where it is by then.
  Status walk(Lock& lock, uint32_t target, bool& sessionLost, Failure& lost);

  const SimulatedOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;  // of anything a waiter below may wait for
  Faults faults_;
  Events events_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<MigrationV1> v1_;
  std::unique_ptr<MigrationV2> v2_;
  bool changing_ = false;
  bool closed_ = false;
  uint64_t resets_ = 0;
};

// The factory for the binding.
Result<std::shared_ptr<Device>> openSimulated(const SimulatedOptions& options);

}  // namespace vfm
