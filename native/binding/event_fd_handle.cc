// SPDX-License-Identifier: MIT
#include "binding/event_fd_handle.h"

#include <utility>

#include "binding/arguments.h"

namespace vfm::binding {

// From the reactor's thread to the JavaScript thread. `handle` is looked at there only.
class EventFdHandle::Delivery final : public Reactor::Listener,
                                      public std::enable_shared_from_this<EventFdHandle::Delivery> {
 public:
  Delivery(EventFdHandle* handle, std::shared_ptr<Completions> completions)
      : handle(handle), completions_(std::move(completions)) {}
  void signalled(uint64_t count) override;

  EventFdHandle* handle;

 private:
  std::shared_ptr<Completions> completions_;
};

class EventFdHandle::Arrival final : public Completion {
 public:
  Arrival(std::shared_ptr<Delivery> delivery, uint64_t count)
      : delivery_(std::move(delivery)), count_(count) {}
  bool isExpected() const override { return false; }
  void settle(Napi::Env env) override {
    if (delivery_->handle == nullptr) return;
    const Napi::Object self = delivery_->handle->Value();
    if (self.IsEmpty()) return;  // collected, and not finalized yet
    const Napi::Value listener = self.Get("onsignal");
    if (!listener.IsFunction()) return;
    listener.As<Napi::Function>().Call(self, {Napi::Number::New(env, static_cast<double>(count_))});
    // What a listener throws is nobody's to catch.
    if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  }

 private:
  std::shared_ptr<Delivery> delivery_;
  uint64_t count_;
};

// At most one is under way: the watch was armed once, and is armed again after this one has arrived.
void EventFdHandle::Delivery::signalled(uint64_t count) {
  completions_->post(std::make_unique<Arrival>(shared_from_this(), count));
}

Napi::Function EventFdHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&EventFdHandle::descriptor>("descriptor"),
       InstanceMethod<&EventFdHandle::signal>("signal"), InstanceMethod<&EventFdHandle::take>("take"),
       InstanceMethod<&EventFdHandle::arm>("arm"), InstanceMethod<&EventFdHandle::disarm>("disarm"),
       InstanceMethod<&EventFdHandle::hold>("hold"), InstanceMethod<&EventFdHandle::release>("release"),
       InstanceMethod<&EventFdHandle::close>("close")});
}

EventFdHandle::EventFdHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<EventFdHandle>(info),
      event_(takeInit<Init>(info).event),
      completions_(Runtime::of(info.Env()).completions()) {}

// A held handle is not collected, so that nothing is held here, unless the environment ends.
EventFdHandle::~EventFdHandle() { letGo(); }

void EventFdHandle::letGo() {
  if (delivery_) delivery_->handle = nullptr;
  watch_.reset();
  delivery_.reset();
  event_.reset();
}

Napi::Value EventFdHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), event_ ? event_->descriptor() : -1);
}

Napi::Value EventFdHandle::signal(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t count = arguments.length(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!event_) return toObject(info.Env(), closed("signal of an eventfd"));
  Status done = event_->signal(count);
  return done.ok() ? null(info.Env()) : toObject(info.Env(), done.failure());
}

Napi::Value EventFdHandle::take(const Napi::CallbackInfo& info) {
  if (!event_) return toObject(info.Env(), closed("count of an eventfd"));
  auto count = event_->take();
  if (!count.ok()) return toObject(info.Env(), count.failure());
  return Napi::Number::New(info.Env(), static_cast<double>(*count));
}

Napi::Value EventFdHandle::arm(const Napi::CallbackInfo& info) {
  if (!event_) return toObject(info.Env(), closed("watch of an eventfd"));
  if (!watch_) {
    auto reactor = Runtime::of(info.Env()).reactor();
    if (!reactor.ok()) return toObject(info.Env(), reactor.failure());
    auto delivery = std::make_shared<Delivery>(this, completions_);
    auto watch = (*reactor)->watch(event_, delivery);
    if (!watch.ok()) return toObject(info.Env(), watch.failure());
    watch_ = std::move(*watch);
    delivery_ = std::move(delivery);
  }
  Status armed = watch_->arm();
  return armed.ok() ? null(info.Env()) : toObject(info.Env(), armed.failure());
}

Napi::Value EventFdHandle::disarm(const Napi::CallbackInfo& info) {
  if (watch_) static_cast<void>(watch_->disarm());
  return info.Env().Undefined();
}

Napi::Value EventFdHandle::hold(const Napi::CallbackInfo& info) {
  if (!held_ && event_) {
    held_ = true;
    Ref();
    completions_->expect();
  }
  return info.Env().Undefined();
}

Napi::Value EventFdHandle::release(const Napi::CallbackInfo& info) {
  if (held_) {
    held_ = false;
    completions_->relent();
    Unref();
  }
  return info.Env().Undefined();
}

Napi::Value EventFdHandle::close(const Napi::CallbackInfo& info) {
  letGo();
  return release(info);
}

namespace {

Napi::Value made(Napi::Env env, Result<std::shared_ptr<EventFd>> event) {
  if (!event.ok()) return toObject(env, event.failure());
  return make<EventFdHandle>(env, {std::move(*event)});
}

}  // namespace

Napi::Value openEventFd(const Napi::CallbackInfo& info) { return made(info.Env(), EventFd::create()); }

Napi::Value adoptEventFd(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int32_t descriptor = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return made(info.Env(), EventFd::adopt(descriptor));
}

}  // namespace vfm::binding
