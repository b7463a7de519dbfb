// SPDX-License-Identifier: MIT
// NativeDescriptor: the owner of a descriptor that came from elsewhere.
#pragma once

#include "binding/handle.h"
#include "core/base/unique_fd.h"

namespace vfm::binding {

class DescriptorHandle : public Napi::ObjectWrap<DescriptorHandle> {
 public:
  static constexpr const char* kName = "Descriptor";
  struct Init {
    UniqueFd fd;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit DescriptorHandle(const Napi::CallbackInfo& info);
  // Closing can wait for a driver, which a finalizer must not.
  ~DescriptorHandle() override { dropOn(lane_, std::move(fd_)); }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<UniqueFd> fd_;
};

// duplicateDescriptor(fd): a handle of a close-on-exec duplicate, or a failure.
Napi::Value duplicateDescriptor(const Napi::CallbackInfo& info);
// takeFromProcess(pid, fd): a promise of a handle.
Napi::Value takeFromProcess(const Napi::CallbackInfo& info);
// identifyDescriptor(fd): a promise of what it is.
Napi::Value identifyDescriptor(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
