// SPDX-License-Identifier: MIT
// NativeIommufd: /dev/iommu.
#pragma once

#include "binding/handle.h"
#include "core/kernel/iommufd.h"

namespace vfm::binding {

class IommufdHandle : public Napi::ObjectWrap<IommufdHandle> {
 public:
  static constexpr const char* kName = "Iommufd";
  struct Init {
    std::shared_ptr<kernel::Iommufd> iommufd;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit IommufdHandle(const Napi::CallbackInfo& info);
  ~IommufdHandle() override { dropOn(lane_, std::move(iommufd_)); }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value memoryCharge(const Napi::CallbackInfo& info);
  Napi::Value setMemoryCharge(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  Napi::Value hwInfo(const Napi::CallbackInfo& info);
  Napi::Value compatIoas(const Napi::CallbackInfo& info);
  Napi::Value setCompatIoas(const Napi::CallbackInfo& info);
  Napi::Value clearCompatIoas(const Napi::CallbackInfo& info);
  Napi::Value ioas(const Napi::CallbackInfo& info);
  Napi::Value container(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, const char* what, Work work, Convert convert);
  template <typename Work>
  Napi::Value callForStatus(Napi::Env env, const char* what, Work work);

  Lane lane_;
  std::shared_ptr<kernel::Iommufd> iommufd_;  // null once closed
};

// openDeviceNode(space, path): a promise of {device, id}, bound to the iommufd of the space and attached to
// it.
Napi::Value openDeviceNode(const Napi::CallbackInfo& info);

// openIommufd(): a promise of the handle.
Napi::Value openIommufd(const Napi::CallbackInfo& info);
// adoptIommufd(fd): the same over a duplicate of somebody else's.
Napi::Value adoptIommufd(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
