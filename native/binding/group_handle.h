// SPDX-License-Identifier: MIT
// NativeGroup: an IOMMU group of the kernel's.
#pragma once

#include "binding/handle.h"
#include "core/kernel/group.h"

namespace vfm::binding {

class GroupHandle : public Napi::ObjectWrap<GroupHandle> {
 public:
  static constexpr const char* kName = "Group";
  struct Init {
    std::shared_ptr<kernel::Group> group;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit GroupHandle(const Napi::CallbackInfo& info);
  ~GroupHandle() override { dropOn(lane_, std::move(group_)); }

  // Null once closed.
  const std::shared_ptr<kernel::Group>& group() const { return group_; }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value status(const Napi::CallbackInfo& info);
  Napi::Value setContainer(const Napi::CallbackInfo& info);
  Napi::Value unsetContainer(const Napi::CallbackInfo& info);
  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, const char* what, Work work, Convert convert);
  template <typename Work>
  Napi::Value callForStatus(Napi::Env env, const char* what, Work work);

  Lane lane_;
  std::shared_ptr<kernel::Group> group_;
};

// openGroup(number, noIommuNode, allowNoIommu): a promise of the handle.
Napi::Value openGroup(const Napi::CallbackInfo& info);

// adoptGroup(fd, container or null): a promise of the handle, over a duplicate.
Napi::Value adoptGroup(const Napi::CallbackInfo& info);

// adoptDevice(fd, takeOver, group or null): a promise of a device handle.
Napi::Value adoptDevice(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
