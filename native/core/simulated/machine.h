// SPDX-License-Identifier: MIT
// The device behind both protocols: registers, memory, configuration space and workload, and whether it runs.
// Knows nothing of migration but that its changes may have to be reported to a save. Not thread-safe (the
// device's lock guards it).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/simulated/config_space.h"
#include "core/simulated/device_memory.h"
#include "core/simulated/dma_engine.h"
#include "core/simulated/interrupts.h"
#include "core/simulated/msix_table.h"
#include "core/simulated/options.h"
#include "core/simulated/registers.h"
#include "core/simulated/save_progress.h"
#include "core/simulated/workload.h"

namespace vfm {

enum class Activity : uint8_t {
  kStopped,
  kSuspended,  // the P2P states of some: answers accesses; what it is told to do waits, and migrates
  kQuiet,      // the P2P states: answers accesses, starts nothing of its own
  kRunning
};

class Machine {
 public:
  static Result<std::unique_ptr<Machine>> create(const SimulatedOptions& options);

  DeviceMemory& memory() { return memory_; }
  uint64_t memoryBytes() const { return memory_.size(); }

  // Applies the workload steps due by now. Everybody who looks at the memory calls this first. 0 or an errno.
  int advance();

  Activity activity() const { return activity_; }
  // Advances first; counts RUN_COUNT. 0 or an errno of the advance (the activity is set all the same).
  int setActivity(Activity activity);

  // While a save is in progress, changes of the memory are reported to it. Null: nobody wants to know.
  void watch(SaveProgress* progress) { watcher_ = progress; }

  MigratedRegisters migrated() const { return migrated_; }
  void restore(const MigratedRegisters& registers);

  // One access to BAR0 or BAR2, which the caller has checked to lie inside the region. 0 or an errno.
  int readRegister(const RegisterLayout& layout, Bytes into);
  int writeRegister(const RegisterLayout& layout, uint64_t value);
  int readMemory(uint64_t offset, Bytes into);
  int writeMemory(uint64_t offset, ConstBytes from);
  DmaEngine& dma() { return dma_; }
  const ConfigSpace& config() const { return config_; }
  // True when the write asks for a function level reset.
  bool writeConfig(uint64_t offset, ConstBytes from);
  MsixTable& msixTable() { return msixTable_; }
  Interrupts& interrupts() { return interrupts_; }

  // As VFIO_DEVICE_RESET: zeros, and running. PCI command and BARs stay, as vfio-pci keeps them.
  int reset();
  // What entering RESUMING does: the state to come replaces everything.
  int discard();

 private:
  Machine(DeviceMemory memory, const SimulatedOptions& options)
      : memory_(std::move(memory)), config_(options.stateBytes) {}
  void retime();
  int step(uint64_t steps);
  int command(uint32_t command);
  int catchUp();
  int transfer(uint32_t command);
  uint32_t pciCommand() const;
  void touched(uint64_t offset, uint64_t length) {
    if (watcher_) watcher_->touched(offset, length);
  }

  DeviceMemory memory_;
  ConfigSpace config_;
  DmaEngine dma_;
  MsixTable msixTable_;
  MigratedRegisters migrated_;
  LocalRegisters local_;
  Interrupts interrupts_;
  Workload workload_;
  Activity activity_ = Activity::kRunning;
  SaveProgress* watcher_ = nullptr;
};

}  // namespace vfm
