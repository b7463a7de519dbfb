// SPDX-License-Identifier: MIT
// NativeMapping: device memory as an ArrayBuffer.
#pragma once

#include "binding/handle.h"
#include "binding/lent_memory.h"
#include "core/device/mapping.h"

namespace vfm::binding {

class MappingHandle : public Napi::ObjectWrap<MappingHandle> {
 public:
  static constexpr const char* kName = "Mapping";
  struct Init {
    std::shared_ptr<Mapping> mapping;
    Protection protection;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit MappingHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value buffer(const Napi::CallbackInfo& info);
  // One access, at once: nothing in it can wait.
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  bool allows(Protection what) const;

  std::shared_ptr<Mapping> mapping_;  // null once closed
  size_t size_;
  Protection protection_;
  Napi::Reference<Napi::ArrayBuffer>
      buffer_;  // one per mapping: two ArrayBuffers on one address abort some engines
};

}  // namespace vfm::binding
