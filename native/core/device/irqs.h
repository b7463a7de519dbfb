// SPDX-License-Identifier: MIT
// What is asked of a device's interrupts: one VFIO_DEVICE_SET_IRQS, in a form that cannot be half filled in.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace vfm {

enum class IrqAction : uint8_t {
  kMask,
  kUnmask,
  kTrigger  // with descriptors: what to signal from now on; with none or bools: signal it once now (loopback)
};

// What goes with the action, for each interrupt from `start` on.
struct IrqsAll {  // VFIO_IRQ_SET_DATA_NONE: all `count` of them. count 0 with kTrigger disables the index.
  uint32_t count = 0;
};
using IrqsChosen = std::vector<bool>;  // VFIO_IRQ_SET_DATA_BOOL
// VFIO_IRQ_SET_DATA_EVENTFD: borrowed eventfds, -1 to take one away. The device keeps a reference of its own.
using IrqDescriptors = std::vector<int>;

struct IrqRequest {
  uint32_t index = 0;  // VFIO_PCI_MSI_IRQ_INDEX, ...
  uint32_t start = 0;
  IrqAction action = IrqAction::kTrigger;
  std::variant<IrqsAll, IrqsChosen, IrqDescriptors> data;
};

// VFIO_DEVICE_IOEVENTFD: from now on each signal of the eventfd is a register write.
struct IoeventfdRequest {
  uint32_t region = 0;
  uint64_t offset = 0;
  uint32_t width = 0;  // 1, 2, 4 or 8; the write is aligned to it
  uint64_t value = 0;
  int descriptor = -1;  // borrowed; -1 takes the assignment of exactly these four back
};

}  // namespace vfm
