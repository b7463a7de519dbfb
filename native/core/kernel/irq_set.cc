// SPDX-License-Identifier: MIT
#include "core/kernel/irq_set.h"

#include <cerrno>
#include <cstring>

#include "uapi/irq.h"
#include "uapi/pci.h"

namespace vfm::kernel {
namespace {

uint32_t flagOf(IrqAction action) {
  switch (action) {
    case IrqAction::kMask:
      return uapi::kVfioIrqSetActionMask;
    case IrqAction::kUnmask:
      return uapi::kVfioIrqSetActionUnmask;
    case IrqAction::kTrigger:
      break;
  }
  return uapi::kVfioIrqSetActionTrigger;
}

const char* nameOf(IrqAction action) {
  switch (action) {
    case IrqAction::kMask:
      return "MASK";
    case IrqAction::kUnmask:
      return "UNMASK";
    case IrqAction::kTrigger:
      break;
  }
  return "TRIGGER";
}

const char* dataNameOf(const IrqRequest& request) {
  if (std::holds_alternative<IrqsAll>(request.data)) return "NONE";
  return std::holds_alternative<IrqsChosen>(request.data) ? "BOOL" : "EVENTFD";
}

bool brings(const IrqRequest& request) { return std::holds_alternative<IrqDescriptors>(request.data); }

std::string meaningOfInvalid(const IrqRequest& request) {
  if (request.action != IrqAction::kTrigger)
    return "nothing is armed at this index, or it is masked and unmasked as a whole only";
  if (brings(request)) {
    return "another index is armed (a device uses one of INTx, MSI and MSI-X at a time), a descriptor is no "
           "eventfd, or the armed set would have to grow, which needs it disabled first";
  }
  return countOf(request) == 0 ? "nothing is armed at this index"
                               : "nothing is armed at this index to signal";
}

}  // namespace

uint64_t countOf(const IrqRequest& request) {
  if (const auto* all = std::get_if<IrqsAll>(&request.data)) return all->count;
  if (const auto* chosen = std::get_if<IrqsChosen>(&request.data)) return chosen->size();
  return std::get<IrqDescriptors>(request.data).size();
}

Status checkRange(const IrqRequest& request, const IrqInfo& info) {
  const uint64_t count = countOf(request);
  const uint64_t end = request.start + count;
  // Disabling names interrupt 0 of an index that has at least one: the kernel checks `start` even then.
  if (request.start < info.count && end <= info.count) {
    if (count > 0 || (std::holds_alternative<IrqsAll>(request.data) && request.action == IrqAction::kTrigger))
      return {};
    return Failure::because(Reason::kInvalidArgument, describe(request), "no interrupt is named");
  }
  return Failure::because(Reason::kInvalidArgument, describe(request),
                          "index " + std::to_string(request.index) + " has " + std::to_string(info.count) +
                              (info.count == 1 ? " interrupt" : " interrupts"));
}

std::vector<uint8_t> encode(const IrqRequest& request) {
  uapi::VfioIrqSet header{};
  const size_t count = static_cast<size_t>(countOf(request));
  uint32_t data = uapi::kVfioIrqSetDataNone;
  size_t width = 0;
  if (std::holds_alternative<IrqsChosen>(request.data)) {
    data = uapi::kVfioIrqSetDataBool;
    width = 1;
  } else if (brings(request)) {
    data = uapi::kVfioIrqSetDataEventfd;
    width = sizeof(int32_t);
  }
  std::vector<uint8_t> bytes(sizeof(header) + count * width);
  header.argsz = static_cast<uint32_t>(bytes.size());
  header.flags = data | flagOf(request.action);
  header.index = request.index;
  header.start = request.start;
  header.count = static_cast<uint32_t>(count);
  std::memcpy(bytes.data(), &header, sizeof(header));
  uint8_t* at = bytes.data() + sizeof(header);
  if (const auto* chosen = std::get_if<IrqsChosen>(&request.data)) {
    for (bool each : *chosen) *at++ = each ? 1 : 0;
  } else if (const auto* descriptors = std::get_if<IrqDescriptors>(&request.data)) {
    for (int descriptor : *descriptors) {
      const int32_t value = descriptor;
      std::memcpy(at, &value, sizeof(value));
      at += sizeof(value);
    }
  }
  return bytes;
}

std::string describe(const IrqRequest& request) {
  const uint64_t count = countOf(request);
  std::string text = std::string("VFIO_DEVICE_SET_IRQS ") + nameOf(request.action) + " " +
                     dataNameOf(request) + ", index " + std::to_string(request.index);
  if (count == 0) return text + ", all off";
  text += ", " + std::to_string(request.start);
  if (count > 1) text += " to " + std::to_string(request.start + count - 1);
  return text;
}

std::string meaningOf(int error, const IrqRequest& request) {
  switch (error) {
    case EINVAL:
      return meaningOfInvalid(request);
    case ENOTTY:
      return "this device does not do that to this index (vfio-pci masks INTx only, and by no eventfd; the "
             "error index exists on PCI Express only)";
    case EBADF:
      return "a descriptor is not open";
    case EBUSY:
      return brings(request) && request.action == IrqAction::kUnmask
                 ? "an unmasking eventfd is set already: take it away first"
                 : "the interrupt line is taken by a driver that does not share it";
    case ENODEV:
      return "no interrupt line is connected to the device, or the device is gone";
    case ENOSPC:
      return "the machine has no interrupt vectors left";
    case ENOMEM:
      return "the kernel is short of memory";
    case EFAULT:
      return "the kernel could not read the request";
    case EIO:
      return "the device does not answer";
    case EPERM:
    case EACCES:
      return "the machine's interrupt remapping does not allow it";
    default:
      return {};
  }
}

}  // namespace vfm::kernel
