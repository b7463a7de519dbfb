// SPDX-License-Identifier: MIT
#include "binding/rate_limit_handle.h"

#include "binding/arguments.h"

namespace vfm::binding {

Napi::Function RateLimitHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName, {InstanceMethod<&RateLimitHandle::set>("set")});
}

Napi::Value RateLimitHandle::set(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t bytesPerSecond = arguments.wide(0);
  const uint64_t burst = arguments.wide(1);
  if (arguments.ok()) limit_->set(bytesPerSecond, burst);
  return info.Env().Undefined();
}

Napi::Value createRateLimit(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t bytesPerSecond = arguments.wide(0);
  const uint64_t burst = arguments.wide(1);
  if (!arguments.ok()) return info.Env().Undefined();
  return make<RateLimitHandle>(info.Env(), {std::make_shared<RateLimit>(bytesPerSecond, burst)});
}

}  // namespace vfm::binding
