// SPDX-License-Identifier: MIT
// Interrupts of the served device: eventfds of its client, which the device signals.
#include <unistd.h>

#include <climits>
#include <string_view>

#include "core/vfio_user/served_device.h"
#include "uapi/irq.h"

namespace vfm::vfio_user {
namespace {

// Anything else that takes a write would get eight bytes for each interrupt: a file, a pipe, a socket of
// somebody's. Only /proc tells what a descriptor is.
bool isEventfd(int fd) {
  char target[64];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 &&
         std::string_view(target, static_cast<size_t>(length)) == std::string_view("anon_inode:[eventfd]");
}

}  // namespace

Reply ServedDevice::irqInfo(const Request& request) {
  uapi::VfioIrqInfo asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  auto info = device_->info();
  if (!info) return info.failure();
  if (asked.index >= info->irqs) return Reply(EINVAL);
  auto irq = device_->irqInfo(asked.index);
  if (!irq) return irq.failure();
  Reply reply;
  reply.add(uapi::VfioIrqInfo{sizeof asked, irq->flags, asked.index, irq->count});
  return reply;
}

Reply ServedDevice::setIrqs(Request& request) {
  uapi::VfioIrqSet asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  const uint32_t data = asked.flags & uapi::kVfioIrqSetDataTypeMask;
  const uint32_t action = asked.flags & uapi::kVfioIrqSetActionTypeMask;
  if (asked.flags != (data | action)) return Reply(EINVAL);
  auto info = device_->info();
  if (!info) return info.failure();
  if (asked.index >= info->irqs) return Reply(EINVAL);
  auto irq = device_->irqInfo(asked.index);
  if (!irq) return irq.failure();
  if (uint64_t{asked.start} + asked.count > irq->count) return Reply(EINVAL);

  IrqRequest wanted;
  wanted.index = asked.index;
  wanted.start = asked.start;
  switch (action) {
    case uapi::kVfioIrqSetActionMask:
      wanted.action = IrqAction::kMask;
      break;
    case uapi::kVfioIrqSetActionUnmask:
      wanted.action = IrqAction::kUnmask;
      break;
    case uapi::kVfioIrqSetActionTrigger:
      wanted.action = IrqAction::kTrigger;
      break;
    default:
      return Reply(EINVAL);
  }
  if (data != uapi::kVfioIrqSetDataEventfd && !request.descriptors.empty()) return Reply(EINVAL);
  switch (data) {
    case uapi::kVfioIrqSetDataNone:
      if (asked.count == 0 && wanted.action != IrqAction::kTrigger) return Reply(EINVAL);
      wanted.data = IrqsAll{asked.count};
      break;
    case uapi::kVfioIrqSetDataBool: {
      if (asked.count == 0 || request.payload.size - sizeof asked != asked.count) return Reply(EINVAL);
      IrqsChosen chosen;
      for (uint32_t i = 0; i < asked.count; ++i)
        chosen.push_back(request.payload.data[sizeof asked + i] != 0);
      wanted.data = std::move(chosen);
      break;
    }
    case uapi::kVfioIrqSetDataEventfd: {
      // One each, or none at all, which takes those away that are there.
      const size_t given = request.descriptors.size();
      if (asked.count == 0 || (given != 0 && given != asked.count)) return Reply(EINVAL);
      IrqDescriptors descriptors(asked.count, -1);
      for (size_t i = 0; i < given; ++i) {
        descriptors[i] = request.descriptors[i].get();
        if (!isEventfd(descriptors[i])) return Reply(EINVAL);
      }
      wanted.data = std::move(descriptors);
      if (given > 0) armed_.insert(asked.index);
      break;
    }
    default:
      return Reply(EINVAL);
  }
  if (Status set = device_->setIrqs(wanted); !set) return set.failure();
  if (wanted.action == IrqAction::kTrigger && data == uapi::kVfioIrqSetDataNone && asked.count == 0)
    armed_.erase(asked.index);
  return {};
}

void ServedDevice::disarm() {
  for (const uint32_t index : armed_) {
    static_cast<void>(device_->setIrqs(IrqRequest{index, 0, IrqAction::kTrigger, IrqsAll{0}}));
  }
  armed_.clear();
}

}  // namespace vfm::vfio_user
