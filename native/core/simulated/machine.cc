// SPDX-License-Identifier: MIT
#include "core/simulated/machine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vfm {

namespace {
constexpr uint64_t kPciCommand = 0x04;
constexpr uint32_t kPciCommandMaster = 1u << 2;
constexpr uint32_t kPciCommandIntxDisable = 1u << 10;

// Commands wait four bits each, the first one lowest.
constexpr uint32_t kWaitingBits = 4;
constexpr uint32_t kWaitingMask = (1u << kWaitingBits) - 1;
constexpr uint32_t kMostWaiting = 32 / kWaitingBits;

bool works(Activity activity) { return activity == Activity::kQuiet || activity == Activity::kRunning; }
}  // namespace

Result<std::unique_ptr<Machine>> Machine::create(const SimulatedOptions& options) {
  Result<DeviceMemory> memory = DeviceMemory::create(options.stateBytes);
  if (!memory.ok()) return std::move(memory).failure();
  std::unique_ptr<Machine> machine(new Machine(std::move(*memory), options));
  if (options.seed) {
    machine->migrated_.seed = *options.seed;
    if (int error = machine->memory_.fill(*options.seed)) {
      return Failure::system(error, "pwrite", "first contents of a simulated device");
    }
  }
  machine->migrated_.dirtyRate = options.dirtyRate;
  if (options.dirtyRate > 0) machine->migrated_.control = kControlWorkload;
  machine->retime();
  return machine;
}

void Machine::retime() {
  bool on = activity_ == Activity::kRunning && (migrated_.control & kControlWorkload);
  workload_.set(on, migrated_.dirtyRate, Workload::Clock::now());
}

int Machine::advance() {
  uint64_t due = workload_.due(Workload::Clock::now());
  return due == 0 ? 0 : step(due);
}

int Machine::step(uint64_t steps) {
  // Of more steps than pages only the last visit of each page can be seen.
  uint64_t pages = memory_.size() / DeviceMemory::kPage;
  uint64_t last = migrated_.steps + steps;
  uint64_t first = steps > pages ? last - pages : migrated_.steps;
  for (uint64_t n = first; n < last; ++n) {
    uint64_t mark = n + 1;
    uint64_t offset = n % pages * DeviceMemory::kPage;
    if (int error = memory_.write(offset, {reinterpret_cast<const uint8_t*>(&mark), sizeof mark}))
      return error;
    touched(offset, sizeof mark);
  }
  migrated_.steps = last;
  return 0;
}

int Machine::setActivity(Activity activity) {
  int error = advance();
  const bool starts = !works(activity_) && works(activity);
  if (starts) ++local_.runCount;
  activity_ = activity;
  retime();
  if (starts && error == 0) error = catchUp();
  return error;
}

int Machine::catchUp() {
  uint32_t waiting = migrated_.waiting;
  migrated_.waiting = 0;
  for (; waiting != 0; waiting >>= kWaitingBits) {
    if (int error = command(waiting & kWaitingMask)) return error;
  }
  return 0;
}

void Machine::restore(const MigratedRegisters& registers) {
  migrated_ = registers;
  retime();
}

int Machine::readRegister(const RegisterLayout& layout, Bytes into) {
  if (int error = advance()) return error;
  uint64_t value = 0;
  switch (layout.which) {
    case Register::kMagic:
      value = kDeviceMagic;
      break;
    case Register::kVersion:
      value = kDeviceVersion;
      break;
    case Register::kStateSize:
      value = memory_.size();
      break;
    case Register::kScratch:
      value = migrated_.scratch;
      break;
    case Register::kControl:
      value = migrated_.control;
      break;
    case Register::kSeed:
      value = migrated_.seed;
      break;
    case Register::kIrqStatus:
      value = interrupts_.lineIsUp() ? 1 : 0;
      break;
    case Register::kCommand:
    case Register::kIrqRaise:
    case Register::kIrqAcknowledge:
      return EINVAL;
    case Register::kDirtyRate:
      value = migrated_.dirtyRate;
      break;
    case Register::kSteps:
      value = migrated_.steps;
      break;
    case Register::kRunCount:
      value = local_.runCount;
      break;
    case Register::kDmaStatus:
      value = local_.dmaStatus;
      break;
    case Register::kDmaIova:
      value = local_.dmaIova;
      break;
    case Register::kDmaLength:
      value = local_.dmaLength;
      break;
  }
  std::memcpy(into.data, &value, into.size);
  return 0;
}

int Machine::writeRegister(const RegisterLayout& layout, uint64_t value) {
  if (int error = advance()) return error;
  uint32_t low = static_cast<uint32_t>(value);
  switch (layout.which) {
    case Register::kScratch:
      migrated_.scratch = low;
      break;
    case Register::kControl:
      migrated_.control = low;
      break;
    case Register::kSeed:
      migrated_.seed = low;
      break;
    case Register::kCommand:
      return command(low);
    case Register::kIrqRaise:
      return interrupts_.raise(low >> 16, low & 0xffff, (pciCommand() & kPciCommandMaster) != 0);
    case Register::kIrqAcknowledge:
      if (low & 1) interrupts_.lowerLine();
      return 0;
    case Register::kDirtyRate:
      migrated_.dirtyRate = value;
      break;
    case Register::kDmaIova:
      local_.dmaIova = value;
      break;
    case Register::kDmaLength:
      local_.dmaLength = value;
      break;
    default:
      return EINVAL;
  }
  retime();
  return 0;
}

int Machine::command(uint32_t command) {
  if (activity_ == Activity::kSuspended) {
    if (command < kCommandFill || command > kCommandDmaRead) return EINVAL;
    for (uint32_t place = 0; place < kMostWaiting; ++place) {
      if ((migrated_.waiting >> place * kWaitingBits & kWaitingMask) != 0) continue;
      migrated_.waiting |= command << place * kWaitingBits;
      return 0;
    }
    return EBUSY;
  }
  switch (command) {
    case kCommandFill:
      touched(0, memory_.size());
      return memory_.fill(migrated_.seed);
    case kCommandStep:
      return step(1);
    case kCommandDmaWrite:
    case kCommandDmaRead:
      local_.dmaStatus = static_cast<uint32_t>(transfer(command));
      return 0;
    default:
      return EINVAL;
  }
}

int Machine::transfer(uint32_t command) {
  if (!config_.busMaster()) return EIO;
  if (command == kCommandDmaWrite) return dma_.write(local_.dmaIova, local_.dmaLength, migrated_.seed);
  touched(0, std::min(local_.dmaLength, memory_.size()));
  return dma_.read(local_.dmaIova, local_.dmaLength, memory_);
}

uint32_t Machine::pciCommand() const {
  uint8_t bytes[2] = {};
  config_.read(kPciCommand, {bytes, sizeof(bytes)});
  return bytes[0] | uint32_t{bytes[1]} << 8;
}

bool Machine::writeConfig(uint64_t offset, ConstBytes from) {
  const bool reset = config_.write(offset, from);
  interrupts_.disableLine((pciCommand() & kPciCommandIntxDisable) != 0);
  return reset;
}

int Machine::readMemory(uint64_t offset, Bytes into) {
  if (int error = advance()) return error;
  return memory_.read(offset, into);
}

int Machine::writeMemory(uint64_t offset, ConstBytes from) {
  if (int error = advance()) return error;
  touched(offset, from.size);
  return memory_.write(offset, from);
}

int Machine::reset() {
  interrupts_.reset();
  local_.runCount = 0;
  msixTable_.reset();
  activity_ = Activity::kRunning;
  return discard();
}

int Machine::discard() {
  uint32_t seed = migrated_.seed;
  uint64_t rate = migrated_.dirtyRate;
  migrated_ = {};
  migrated_.seed = seed;
  migrated_.dirtyRate = rate;
  retime();
  return memory_.clear();
}

}  // namespace vfm
