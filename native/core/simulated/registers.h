// SPDX-License-Identifier: MIT
// BAR0's registers: their places and widths, and the values that migrate (docs/test-device.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm {

enum class Register : uint8_t {
  kMagic,
  kVersion,
  kStateSize,
  kScratch,
  kControl,
  kSeed,
  kCommand,
  kDirtyRate,
  kSteps,
  kRunCount,
  kDmaStatus,
  kDmaIova,
  kDmaLength,
  kIrqRaise,
  kIrqStatus,
  kIrqAcknowledge
};

struct RegisterLayout {
  Register which;
  const char* name;  // as faults name it
  uint64_t offset;
  size_t width;
  bool readable;
  bool writable;
};

constexpr uint64_t kRegistersBytes = 4096;
constexpr uint32_t kDeviceMagic = 0x316d6676;
constexpr uint32_t kDeviceVersion = 1;
constexpr uint32_t kControlWorkload = 1;

enum Command : uint32_t { kCommandFill = 1, kCommandStep = 2, kCommandDmaWrite = 3, kCommandDmaRead = 4 };

// The register that begins at `offset` and is `width` bytes wide; null for anything else.
const RegisterLayout* registerAt(uint64_t offset, size_t width);

// What a save carries beside the memory.
struct MigratedRegisters {
  uint32_t scratch = 0;
  uint32_t control = 0;
  uint32_t seed = 0;
  uint32_t waiting = 0;  // commands that a suspended device has not begun
  uint64_t dirtyRate = 0;
  uint64_t steps = 0;
};
static_assert(sizeof(MigratedRegisters) == 32, "part of the device's stream format");

struct LocalRegisters {
  uint32_t runCount = 0;
  uint32_t dmaStatus = 0;
  uint64_t dmaIova = 0;
  uint64_t dmaLength = 0;
};

}  // namespace vfm
