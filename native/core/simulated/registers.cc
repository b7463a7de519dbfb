// SPDX-License-Identifier: MIT
#include "core/simulated/registers.h"

namespace vfm {

namespace {
constexpr RegisterLayout kLayout[] = {
    {Register::kMagic, "magic", 0x00, 4, true, false},
    {Register::kVersion, "version", 0x04, 4, true, false},
    {Register::kStateSize, "state-size", 0x08, 8, true, false},
    {Register::kScratch, "scratch", 0x10, 4, true, true},
    {Register::kControl, "control", 0x14, 4, true, true},
    {Register::kSeed, "seed", 0x18, 4, true, true},
    {Register::kCommand, "command", 0x1c, 4, false, true},
    {Register::kDirtyRate, "dirty-rate", 0x20, 8, true, true},
    {Register::kSteps, "steps", 0x28, 8, true, false},
    {Register::kRunCount, "run-count", 0x30, 4, true, false},
    {Register::kDmaStatus, "dma-status", 0x34, 4, true, false},
    {Register::kDmaIova, "dma-iova", 0x38, 8, true, true},
    {Register::kDmaLength, "dma-length", 0x40, 8, true, true},
    {Register::kIrqRaise, "irq-raise", 0x48, 4, false, true},
    {Register::kIrqStatus, "irq-status", 0x4c, 4, true, false},
    {Register::kIrqAcknowledge, "irq-acknowledge", 0x50, 4, false, true},
};
}  // namespace

const RegisterLayout* registerAt(uint64_t offset, size_t width) {
  for (const RegisterLayout& layout : kLayout) {
    if (layout.offset == offset && layout.width == width) return &layout;
  }
  return nullptr;
}

}  // namespace vfm
