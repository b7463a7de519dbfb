// SPDX-License-Identifier: MIT
#include "binding/cancellation_handle.h"

namespace vfm::binding {

Napi::Function CancellationHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&CancellationHandle::cancel>("cancel"),
                      InstanceMethod<&CancellationHandle::close>("close")});
}

Napi::Value CancellationHandle::cancel(const Napi::CallbackInfo& info) {
  if (cancellation_) cancellation_->cancel();
  return info.Env().Undefined();
}

// A call in progress has a share of its own.
Napi::Value CancellationHandle::close(const Napi::CallbackInfo& info) {
  cancellation_.reset();
  return info.Env().Undefined();
}

Napi::Value createCancellation(const Napi::CallbackInfo& info) {
  auto cancellation = Cancellation::create();
  if (!cancellation) return toObject(info.Env(), cancellation.failure());
  return make<CancellationHandle>(info.Env(), {std::move(*cancellation)});
}

}  // namespace vfm::binding
