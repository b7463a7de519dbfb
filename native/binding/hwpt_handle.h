// SPDX-License-Identifier: MIT
// NativeHwpt: a hardware page table of an IOAS.
#pragma once

#include "binding/handle.h"
#include "core/kernel/hwpt.h"

namespace vfm::binding {

class HwptHandle : public Napi::ObjectWrap<HwptHandle> {
 public:
  static constexpr const char* kName = "Hwpt";
  struct Init {
    std::shared_ptr<kernel::Hwpt> hwpt;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit HwptHandle(const Napi::CallbackInfo& info);
  ~HwptHandle() override { dropOn(lane_, std::move(hwpt_)); }

 private:
  Napi::Value id(const Napi::CallbackInfo& info);
  Napi::Value setDirtyTracking(const Napi::CallbackInfo& info);
  Napi::Value reportDirty(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<kernel::Hwpt> hwpt_;
};

}  // namespace vfm::binding
