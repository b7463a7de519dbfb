// SPDX-License-Identifier: MIT
// Interrupt requests as JavaScript passes them, with a hold on the eventfds of ours that they name: one that
// is closed while the request is on its way stays open until it has been made.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "core/device/irqs.h"
#include "core/events/event_fd.h"

namespace vfm::binding {

struct IrqArguments {
  IrqRequest request;
  std::vector<std::shared_ptr<EventFd>> held;
};
struct IoeventfdArguments {
  IoeventfdRequest request;
  std::shared_ptr<EventFd> held;
};

// (index, start, action, count | boolean[] | (NativeEventFd | number)[]). None with a pending exception.
std::optional<IrqArguments> irqArguments(const Napi::CallbackInfo& info);
// (region, offset, width, value, NativeEventFd | number)
std::optional<IoeventfdArguments> ioeventfdArguments(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
