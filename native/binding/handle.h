// SPDX-License-Identifier: MIT
// What the classes of the addon share: they are made from C++ only, and live as long as work of theirs is on
// a lane.
#pragma once

#include <napi.h>

#include "binding/runtime.h"

namespace vfm::binding {

// A Handle class has a `static constexpr const char* kName`, a `struct Init`, and takes a CallbackInfo whose
// first value is an External<Init>.
template <typename Handle>
Napi::Object make(Napi::Env env, typename Handle::Init init) {
  return Runtime::of(env)
      .classOf(Handle::kName)
      .New({Napi::External<typename Handle::Init>::New(env, &init)});
}

template <typename Handle>
void define(Napi::Env env) {
  Runtime::of(env).classOf(Handle::kName) = Napi::Persistent(Handle::classDefinition(env));
}

template <typename Init>
Init takeInit(const Napi::CallbackInfo& info) {
  return std::move(*info[0].As<Napi::External<Init>>().Data());
}

// One call at a time: a second one is answered with Reason::kBusy at once.
class Turnstile {
 public:
  bool enter() {
    if (busy_) return false;
    busy_ = true;
    return true;
  }
  void leave() { busy_ = false; }
  bool busy() const { return busy_; }

 private:
  bool busy_ = false;
};

inline Failure busy(const char* what) {
  return Failure::because(Reason::kBusy, what, "another call is in progress on this handle");
}
inline Failure closed(const char* what) {
  return Failure::because(Reason::kClosed, what, "the handle is closed");
}

inline Napi::Value null(Napi::Env env) { return env.Null(); }

// A promise of the last share being gone, on the lane after what is queued there: closing a device or a data
// descriptor may take the driver a while.
template <typename Handle, typename T>
Napi::Value closeOn(Napi::Env env, Handle& handle, Lane& lane, std::shared_ptr<T> share) {
  handle.Ref();
  return Runtime::of(env).run<std::nullptr_t>(
      env, lane,
      [share = std::move(share)]() mutable -> Result<std::nullptr_t> {
        share.reset();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); }, [&handle](Napi::Env) { handle.Unref(); });
}

}  // namespace vfm::binding
