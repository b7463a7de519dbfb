// SPDX-License-Identifier: MIT
// NativeIoas: what an IOAS has beyond any address space.
#pragma once

#include "binding/handle.h"
#include "core/kernel/ioas.h"

namespace vfm::binding {

class IoasHandle : public Napi::ObjectWrap<IoasHandle> {
 public:
  static constexpr const char* kName = "Ioas";
  struct Init {
    std::shared_ptr<kernel::Ioas> ioas;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit IoasHandle(const Napi::CallbackInfo& info);
  ~IoasHandle() override { dropOn(lane_, std::move(ioas_)); }

  // Null once closed.
  const std::shared_ptr<kernel::Ioas>& ioas() const { return ioas_; }

 private:
  Napi::Value id(const Napi::CallbackInfo& info);
  Napi::Value addressSpace(const Napi::CallbackInfo& info);
  Napi::Value copy(const Napi::CallbackInfo& info);
  Napi::Value allowIovas(const Napi::CallbackInfo& info);
  Napi::Value hugePages(const Napi::CallbackInfo& info);
  Napi::Value setHugePages(const Napi::CallbackInfo& info);
  Napi::Value hwpt(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, const char* what, Work work, Convert convert);
  template <typename Work>
  Napi::Value callForStatus(Napi::Env env, const char* what, Work work);

  Lane lane_;
  std::shared_ptr<kernel::Ioas> ioas_;
};

// Null, with a TypeError pending, when the value is no open IOAS.
std::shared_ptr<kernel::Ioas> ioasOf(Napi::Env env, Napi::Value value);

}  // namespace vfm::binding
