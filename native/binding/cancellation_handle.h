// SPDX-License-Identifier: MIT
// NativeCancellation: what an AbortSignal becomes for one call.
#pragma once

#include "binding/handle.h"
#include "core/io/cancellation.h"

namespace vfm::binding {

class CancellationHandle : public Napi::ObjectWrap<CancellationHandle> {
 public:
  static constexpr const char* kName = "Cancellation";
  struct Init {
    std::shared_ptr<Cancellation> cancellation;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit CancellationHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<CancellationHandle>(info), cancellation_(takeInit<Init>(info).cancellation) {}

  // Of an argument that is one of these or null; null for the latter.
  static std::shared_ptr<Cancellation> of(const Napi::Value& argument) {
    return argument.IsObject() ? Unwrap(argument.As<Napi::Object>())->cancellation_ : nullptr;
  }

 private:
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::shared_ptr<Cancellation> cancellation_;
};

// createCancellation(): a cancellation or a failure.
Napi::Value createCancellation(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
