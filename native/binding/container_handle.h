// SPDX-License-Identifier: MIT
// NativeContainer: an IOMMU context of the kernel's.
#pragma once

#include "binding/handle.h"
#include "core/kernel/container.h"

namespace vfm::binding {

class ContainerHandle : public Napi::ObjectWrap<ContainerHandle> {
 public:
  static constexpr const char* kName = "Container";
  struct Init {
    std::shared_ptr<kernel::Container> container;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit ContainerHandle(const Napi::CallbackInfo& info);
  ~ContainerHandle() override { dropOn(lane_, std::move(container_)); }

  // Null once closed.
  const std::shared_ptr<kernel::Container>& container() const { return container_; }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value iommu(const Napi::CallbackInfo& info);
  Napi::Value apiVersion(const Napi::CallbackInfo& info);
  Napi::Value checkExtension(const Napi::CallbackInfo& info);
  Napi::Value addressSpace(const Napi::CallbackInfo& info);
  Napi::Value setIommu(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, const char* what, Work work, Convert convert);

  Lane lane_;
  std::shared_ptr<kernel::Container> container_;
};

// openContainer(): a promise of the handle.
Napi::Value openContainer(const Napi::CallbackInfo& info);

// adoptContainer(fd): a promise of the handle, over a duplicate.
Napi::Value adoptContainer(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
