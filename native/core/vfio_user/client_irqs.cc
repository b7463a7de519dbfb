// SPDX-License-Identifier: MIT
// The interrupts of ClientDevice: DEVICE_SET_IRQS, in as many messages as the server's limit on descriptors
// asks for.
#include <algorithm>

#include "core/vfio_user/client_device.h"
#include "uapi/irq.h"

namespace vfm::vfio_user {
namespace {

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

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

}  // namespace

Status ClientDevice::setIrqs(const IrqRequest& request) {
  if (const auto* descriptors = std::get_if<IrqDescriptors>(&request.data)) {
    return setIrqsInPieces(request, *descriptors);
  }
  if (const auto* chosen = std::get_if<IrqsChosen>(&request.data)) {
    if (chosen->size() > UINT16_MAX) {
      return Failure::because(Reason::kInvalidArgument, "VFIO_DEVICE_SET_IRQS",
                              std::to_string(chosen->size()) + " interrupts");
    }
    const std::vector<uint8_t> bools(chosen->begin(), chosen->end());
    return sendIrqs(request, request.start, static_cast<uint32_t>(bools.size()), uapi::kVfioIrqSetDataBool,
                    ConstBytes{bools.data(), bools.size()}, {});
  }
  return sendIrqs(request, request.start, std::get<IrqsAll>(request.data).count, uapi::kVfioIrqSetDataNone,
                  {}, {});
}

// The server wants a descriptor for each interrupt of a message, or none for one to take away.
Status ClientDevice::setIrqsInPieces(const IrqRequest& request, const IrqDescriptors& descriptors) {
  if (descriptors.size() > UINT16_MAX || request.start > UINT32_MAX - descriptors.size()) {
    return Failure::because(
        Reason::kInvalidArgument, "VFIO_DEVICE_SET_IRQS",
        std::to_string(descriptors.size()) + " interrupts from " + std::to_string(request.start));
  }
  const size_t most = std::clamp<size_t>(connection_->server().capabilities.maxMessageDescriptors, 1, 253);
  for (size_t at = 0; at < descriptors.size();) {
    std::vector<int> piece;
    while (at + piece.size() < descriptors.size() && piece.size() < most &&
           descriptors[at + piece.size()] >= 0) {
      piece.push_back(descriptors[at + piece.size()]);
    }
    const size_t count = std::max<size_t>(piece.size(), 1);
    Status sent = sendIrqs(request, request.start + static_cast<uint32_t>(at), static_cast<uint32_t>(count),
                           uapi::kVfioIrqSetDataEventfd, {}, std::move(piece));
    if (!sent) return sent;
    at += count;
  }
  return {};
}

Status ClientDevice::sendIrqs(const IrqRequest& request, uint32_t start, uint32_t count, uint32_t data,
                              ConstBytes bools, std::vector<int> descriptors) {
  uapi::VfioIrqSet set{static_cast<uint32_t>(sizeof set + bools.size), data | flagOf(request.action),
                       request.index, start, count};
  auto reply = connection_->call({Command::kDeviceSetIrqs,
                                  "VFIO_DEVICE_SET_IRQS",
                                  {bytesOf(set), bools},
                                  std::move(descriptors),
                                  connection_->options().requestTimeout,
                                  {},
                                  {}});
  if (!reply) return std::move(reply).failure();
  return {};
}

}  // namespace vfm::vfio_user
