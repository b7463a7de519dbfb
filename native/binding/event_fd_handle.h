// SPDX-License-Identifier: MIT
// NativeEventFd: an eventfd that JavaScript signals, hands to others and waits for.
#pragma once

#include "binding/handle.h"
#include "core/events/event_fd.h"
#include "core/events/reactor.h"

namespace vfm::binding {

class EventFdHandle : public Napi::ObjectWrap<EventFdHandle> {
 public:
  static constexpr const char* kName = "EventFd";
  struct Init {
    std::shared_ptr<EventFd> event;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit EventFdHandle(const Napi::CallbackInfo& info);
  ~EventFdHandle() override;

  // Null once closed.
  const std::shared_ptr<EventFd>& event() const { return event_; }

 private:
  class Delivery;
  class Arrival;

  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value signal(const Napi::CallbackInfo& info);
  Napi::Value take(const Napi::CallbackInfo& info);
  // The next count goes to this object's `onsignal`, once. A property and no reference of ours: a handle
  // that nobody holds any more can then go, whatever its function refers to.
  Napi::Value arm(const Napi::CallbackInfo& info);
  Napi::Value disarm(const Napi::CallbackInfo& info);
  // While held, this object and the process live on.
  Napi::Value hold(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  void letGo();

  std::shared_ptr<EventFd> event_;
  std::shared_ptr<Completions> completions_;
  std::shared_ptr<Delivery> delivery_;  // with the watch, made at the first arming
  std::unique_ptr<Reactor::Watch> watch_;
  bool held_ = false;
};

// openEventFd() and adoptEventFd(descriptor).
Napi::Value openEventFd(const Napi::CallbackInfo& info);
Napi::Value adoptEventFd(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
