// SPDX-License-Identifier: MIT
// What a simulated device says about its interrupts, and what is asked of them.
#include <string>

#include "core/simulated/simulated_device.h"
#include "uapi/pci.h"

namespace vfm {

Result<IrqInfo> SimulatedDevice::irqInfo(uint32_t index) {
  Lock lock(mutex_);
  const char* request = "VFIO_DEVICE_GET_IRQ_INFO";
  if (Status fine = trouble(lock, Operation::kIrqInfo, std::to_string(index), "ioctl", request); !fine.ok()) {
    return std::move(fine).failure();
  }
  auto info = Interrupts::describe(index);
  if (!info) return Failure::system(EINVAL, "ioctl", request, "no interrupt " + std::to_string(index));
  return *info;
}

Status SimulatedDevice::setIrqs(const IrqRequest& asked) {
  const char* request = "VFIO_DEVICE_SET_IRQS";
  const std::string index = std::to_string(asked.index);
  {
    Lock lock(mutex_);
    if (Status fine = trouble(lock, Operation::kSetIrqs, index, "ioctl", request); !fine.ok()) return fine;
  }
  // Outside the lock: interrupts have their own, and an eventfd that unmasks waits for nobody.
  if (int error = machine_->interrupts().set(asked))
    return Failure::system(error, "ioctl", request, "interrupt index " + index);
  return {};
}

}  // namespace vfm
