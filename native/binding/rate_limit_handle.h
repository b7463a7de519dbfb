// SPDX-License-Identifier: MIT
// NativeRateLimit: how fast pumps may move data, together.
#pragma once

#include "binding/handle.h"
#include "core/data/rate_limit.h"

namespace vfm::binding {

class RateLimitHandle : public Napi::ObjectWrap<RateLimitHandle> {
 public:
  static constexpr const char* kName = "RateLimit";
  struct Init {
    std::shared_ptr<RateLimit> limit;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit RateLimitHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<RateLimitHandle>(info), limit_(takeInit<Init>(info).limit) {}

  // Of an argument that is one of these or null; null for the latter.
  static std::shared_ptr<RateLimit> of(const Napi::Value& argument) {
    return argument.IsObject() ? Unwrap(argument.As<Napi::Object>())->limit_ : nullptr;
  }

 private:
  Napi::Value set(const Napi::CallbackInfo& info);

  const std::shared_ptr<RateLimit> limit_;
};

// createRateLimit(bytesPerSecond, burst)
Napi::Value createRateLimit(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
