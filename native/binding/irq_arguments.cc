// SPDX-License-Identifier: MIT
#include "binding/irq_arguments.h"

#include <string>

#include "binding/arguments.h"
#include "binding/event_fd_handle.h"

namespace vfm::binding {
namespace {

// More than any device has: MSI-X ends at 2048.
constexpr uint32_t kMostVectors = 1u << 16;

bool refuse(Napi::Env env, const char* why) {
  Napi::TypeError::New(env, why).ThrowAsJavaScriptException();
  return false;
}

// A descriptor, or an eventfd of ours that is then held.
bool eventArgument(Napi::Env env, const Napi::Value& value, int* descriptor, std::shared_ptr<EventFd>* held) {
  if (value.IsNumber()) {
    *descriptor = value.As<Napi::Number>().Int32Value();
    return *descriptor >= -1 || refuse(env, "no descriptor");
  }
  if (!value.IsObject() ||
      !value.As<Napi::Object>().InstanceOf(Runtime::of(env).classOf(EventFdHandle::kName).Value()))
    return refuse(env, "neither a descriptor nor an eventfd");
  *held = EventFdHandle::Unwrap(value.As<Napi::Object>())->event();
  if (!*held) return refuse(env, "the eventfd is closed");
  *descriptor = (*held)->descriptor();
  return true;
}

bool actionArgument(Napi::Env env, const std::string& name, IrqAction* action) {
  if (name == "mask")
    *action = IrqAction::kMask;
  else if (name == "unmask")
    *action = IrqAction::kUnmask;
  else if (name == "trigger")
    *action = IrqAction::kTrigger;
  else
    return refuse(env, "no action of interrupts");
  return true;
}

// An array of booleans or of eventfds; an empty one is of eventfds.
bool listArgument(Napi::Env env, const Napi::Array& list, IrqArguments* into) {
  const uint32_t length = list.Length();
  if (length > kMostVectors) return refuse(env, "too many interrupts");
  if (length > 0 && list.Get(0u).IsBoolean()) {
    IrqsChosen chosen(length);
    for (uint32_t i = 0; i < length; ++i) chosen[i] = list.Get(i).ToBoolean().Value();
    into->request.data = std::move(chosen);
    return true;
  }
  IrqDescriptors descriptors(length, -1);
  for (uint32_t i = 0; i < length; ++i) {
    std::shared_ptr<EventFd> held;
    if (!eventArgument(env, list.Get(i), &descriptors[i], &held)) return false;
    if (held) into->held.push_back(std::move(held));
  }
  into->request.data = std::move(descriptors);
  return true;
}

}  // namespace

std::optional<IrqArguments> irqArguments(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  IrqArguments asked;
  asked.request.index = arguments.number(0);
  asked.request.start = arguments.number(1);
  const std::string action = arguments.text(2);
  if (!arguments.ok() || !actionArgument(info.Env(), action, &asked.request.action)) return std::nullopt;
  if (info[3].IsArray()) {
    if (!listArgument(info.Env(), info[3].As<Napi::Array>(), &asked)) return std::nullopt;
    return asked;
  }
  asked.request.data = IrqsAll{arguments.number(3)};
  if (!arguments.ok()) return std::nullopt;
  return asked;
}

std::optional<IoeventfdArguments> ioeventfdArguments(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  IoeventfdArguments asked;
  asked.request.region = arguments.number(0);
  asked.request.offset = arguments.wide(1);
  asked.request.width = arguments.number(2);
  asked.request.value = arguments.wide(3);
  if (!arguments.ok()) return std::nullopt;
  if (!eventArgument(info.Env(), info[4], &asked.request.descriptor, &asked.held)) return std::nullopt;
  return asked;
}

}  // namespace vfm::binding
