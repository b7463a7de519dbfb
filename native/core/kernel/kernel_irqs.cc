// SPDX-License-Identifier: MIT
// The interrupt half of KernelDevice.
#include <cerrno>
#include <string>
#include <vector>

#include "core/kernel/irq_set.h"
#include "core/kernel/kernel_device.h"
#include "uapi/ioeventfd.h"
#include "uapi/irq.h"

namespace vfm::kernel {
namespace {

uint32_t widthFlag(uint32_t width) {
  switch (width) {
    case 1:
      return uapi::kVfioDeviceIoeventfd8;
    case 2:
      return uapi::kVfioDeviceIoeventfd16;
    case 4:
      return uapi::kVfioDeviceIoeventfd32;
    case 8:
      return uapi::kVfioDeviceIoeventfd64;
    default:
      return 0;
  }
}

const char* ioeventfdMeaning(int error, bool assigns) {
  switch (error) {
    case EINVAL:
      return "not a place for it: it has to lie in a BAR, outside the MSI-X table, in a width that the "
             "machine "
             "writes at once";
    case EEXIST:
      return "the same write is assigned to an eventfd already";
    case ENODEV:
      return assigns ? "the device is gone" : "no such assignment";
    case ENOSPC:
      return "the device has as many as vfio-pci allows";
    case EBADF:
      return "the descriptor is not open";
    case ENOTTY:
      return "this device has none: vfio-pci and its variant drivers do";
    case ENOMEM:
      return "the kernel is short of memory, or cannot map the BAR";
    default:
      return "";
  }
}

}  // namespace

Result<IrqInfo> KernelDevice::irqInfo(uint32_t index) {
  {
    std::lock_guard lock(irqsMutex_);
    auto found = irqs_.find(index);
    if (found != irqs_.end()) return found->second;
  }
  uapi::VfioIrqInfo info{};
  info.argsz = sizeof(info);
  info.index = index;
  const int result = retryInterrupted([&] {
    return handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceGetIrqInfo, static_cast<void*>(&info));
  });
  if (result < 0) return ioctlFailure(result, "VFIO_DEVICE_GET_IRQ_INFO " + std::to_string(index));
  const IrqInfo known{index, info.flags, info.count};
  std::lock_guard lock(irqsMutex_);
  irqs_.emplace(index, known);
  return known;
}

Status KernelDevice::setIrqs(const IrqRequest& request) {
  auto info = irqInfo(request.index);
  if (!info) return std::move(info).failure();
  if (Status inside = checkRange(request, *info); !inside) return inside;
  std::vector<uint8_t> bytes = encode(request);
  // Not repeated on EINTR: a trigger may have been delivered.
  const int result =
      handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceSetIrqs, static_cast<void*>(bytes.data()));
  if (result < 0) return ioctlFailure(result, describe(request), meaningOf(-result, request));
  if (result > 0) {
    // vfio-pci answers how many vectors it could have had, and has armed none.
    return Failure::system(ENOSPC, "ioctl", describe(request),
                           "the machine has " + std::to_string(result) + " vectors left of the " +
                               std::to_string(request.start + countOf(request)) + " wanted; none is armed");
  }
  return {};
}

Status KernelDevice::setIoeventfd(const IoeventfdRequest& request) {
  const std::string operation = "VFIO_DEVICE_IOEVENTFD, " + std::to_string(request.width) + " bytes at " +
                                std::to_string(request.offset) + " of region " +
                                std::to_string(request.region);
  const uint32_t width = widthFlag(request.width);
  if (width == 0 || request.offset % request.width != 0 || request.descriptor < -1)
    return Failure::because(Reason::kInvalidArgument, operation,
                            "a width of 1, 2, 4 or 8, and aligned to it");
  auto at = locate(request.region, request.offset, request.width, operation.c_str());
  if (!at) return std::move(at).failure();
  uapi::VfioDeviceIoeventfd assignment{};
  assignment.argsz = sizeof(assignment);
  assignment.flags = width;
  assignment.offset = *at;
  assignment.data = request.value;
  assignment.fd = request.descriptor;
  const int result =
      handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceIoeventfd, static_cast<void*>(&assignment));
  if (result < 0) return ioctlFailure(result, operation, ioeventfdMeaning(-result, request.descriptor >= 0));
  return {};
}

}  // namespace vfm::kernel
