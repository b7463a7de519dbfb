// SPDX-License-Identifier: MIT
#include "binding/group_handle.h"

#include <optional>

#include "binding/address_space_handle.h"
#include "binding/arguments.h"
#include "binding/container_handle.h"
#include "binding/device_handle.h"
#include "core/kernel/adopt.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/type1.h"

namespace vfm::binding {
namespace {

// Of a container, or of an address space that is one's. Nothing, with a TypeError pending, when the value is
// neither, or closed.
std::shared_ptr<kernel::Container> containerOf(Napi::Env env, Napi::Value value) {
  const Napi::Function type = Runtime::of(env).classOf(ContainerHandle::kName).Value();
  if (value.IsObject() && value.As<Napi::Object>().InstanceOf(type)) {
    auto* handle = Napi::ObjectWrap<ContainerHandle>::Unwrap(value.As<Napi::Object>());
    if (handle != nullptr && handle->container()) return handle->container();
  }
  const Napi::Function space = Runtime::of(env).classOf(AddressSpaceHandle::kName).Value();
  if (value.IsObject() && value.As<Napi::Object>().InstanceOf(space)) {
    auto* handle = Napi::ObjectWrap<AddressSpaceHandle>::Unwrap(value.As<Napi::Object>());
    auto container = handle != nullptr ? kernel::Type1::containerOf(handle->space()) : nullptr;
    if (container) return container;
  }
  if (!env.IsExceptionPending()) {
    Napi::TypeError::New(env, "an open container, or the address space of one, is needed")
        .ThrowAsJavaScriptException();
  }
  return nullptr;
}

// The same of a group.
std::shared_ptr<kernel::Group> groupOf(Napi::Env env, Napi::Value value) {
  const Napi::Function type = Runtime::of(env).classOf(GroupHandle::kName).Value();
  if (value.IsObject() && value.As<Napi::Object>().InstanceOf(type)) {
    auto* handle = Napi::ObjectWrap<GroupHandle>::Unwrap(value.As<Napi::Object>());
    if (handle != nullptr && handle->group()) return handle->group();
  }
  if (!env.IsExceptionPending()) {
    Napi::TypeError::New(env, "an open group is needed").ThrowAsJavaScriptException();
  }
  return nullptr;
}

kernel::NoIommu noIommuOf(bool allowed) {
  return allowed ? kernel::NoIommu::kAllow : kernel::NoIommu::kRefuse;
}

Napi::Value deviceOf(Napi::Env env, std::shared_ptr<kernel::KernelDevice> device) {
  return make<DeviceHandle>(env, {std::move(device)});
}

}  // namespace

Napi::Function GroupHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&GroupHandle::descriptor>("descriptor"),
       InstanceMethod<&GroupHandle::status>("status"),
       InstanceMethod<&GroupHandle::setContainer>("setContainer"),
       InstanceMethod<&GroupHandle::unsetContainer>("unsetContainer"),
       InstanceMethod<&GroupHandle::prepare>("prepare"), InstanceMethod<&GroupHandle::device>("device"),
       InstanceMethod<&GroupHandle::close>("close")});
}

GroupHandle::GroupHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<GroupHandle>(info), lane_("vfm:group") {
  group_ = takeInit<Init>(info).group;
}

template <typename T, typename Work, typename Convert>
Napi::Value GroupHandle::call(Napi::Env env, const char* what, Work work, Convert convert) {
  if (!group_) return failed(env, closed(what));
  Ref();
  return Runtime::of(env).run<T>(
      env, lane_, [group = group_, work = std::move(work)] { return work(group); }, std::move(convert),
      [this](Napi::Env) { Unref(); });
}

template <typename Work>
Napi::Value GroupHandle::callForStatus(Napi::Env env, const char* what, Work work) {
  return call<std::nullptr_t>(
      env, what,
      [work = std::move(work)](const std::shared_ptr<kernel::Group>& group) -> Result<std::nullptr_t> {
        Status status = work(*group);
        if (!status) return std::move(status).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value GroupHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), group_ ? group_->descriptor() : -1);
}

Napi::Value GroupHandle::status(const Napi::CallbackInfo& info) {
  return call<kernel::GroupStatus>(
      info.Env(), "VFIO_GROUP_GET_STATUS",
      [](const std::shared_ptr<kernel::Group>& group) { return group->status(); },
      [](Napi::Env env, const kernel::GroupStatus& status) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("viable", status.viable);
        object.Set("containerSet", status.containerSet);
        return object;
      });
}

Napi::Value GroupHandle::setContainer(const Napi::CallbackInfo& info) {
  auto container = containerOf(info.Env(), info[0]);
  if (!container) return info.Env().Undefined();
  return callForStatus(
      info.Env(), "VFIO_GROUP_SET_CONTAINER",
      [container = std::move(container)](kernel::Group& group) { return group.setContainer(container); });
}

Napi::Value GroupHandle::unsetContainer(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), "VFIO_GROUP_UNSET_CONTAINER",
                       [](kernel::Group& group) { return group.unsetContainer(); });
}

Napi::Value GroupHandle::prepare(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const kernel::NoIommu noIommu = noIommuOf(arguments.flag(1));
  if (!arguments.ok()) return info.Env().Undefined();
  std::shared_ptr<kernel::Container> container;
  if (!info[0].IsNull()) {
    container = containerOf(info.Env(), info[0]);
    if (!container) return info.Env().Undefined();
  }
  return callForStatus(info.Env(), "VFIO_GROUP_SET_CONTAINER",
                       [container = std::move(container), noIommu](kernel::Group& group) {
                         return group.prepare(container, noIommu);
                       });
}

Napi::Value GroupHandle::device(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string name = arguments.text(0);
  if (!arguments.ok()) return info.Env().Undefined();
  using Opened = std::shared_ptr<kernel::KernelDevice>;
  return call<Opened>(
      info.Env(), "VFIO_GROUP_GET_DEVICE_FD",
      [name = std::move(name)](const std::shared_ptr<kernel::Group>& group) -> Result<Opened> {
        auto descriptor = group->deviceDescriptor(name);
        if (!descriptor) return std::move(descriptor).failure();
        return std::make_shared<kernel::KernelDevice>(std::make_shared<kernel::DeviceHandle>(
            kernel::Sys::real(), group, std::move(descriptor).value()));
      },
      deviceOf);
}

Napi::Value GroupHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(group_));
}

Napi::Value openGroup(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.number(0);
  const bool noIommuNode = arguments.flag(1);
  const kernel::NoIommu noIommu = noIommuOf(arguments.flag(2));
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Group>>(
          info.Env(), lane,
          [=] {
            return kernel::Group::open(kernel::Sys::real(), kernel::GroupName{number, noIommuNode}, noIommu);
          },
          [](Napi::Env env, std::shared_ptr<kernel::Group> group) -> Napi::Value {
            return make<GroupHandle>(env, {std::move(group)});
          });
}

Napi::Value adoptGroup(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  std::shared_ptr<kernel::Container> container;
  if (!info[1].IsNull()) {
    container = containerOf(info.Env(), info[1]);
    if (!container) return info.Env().Undefined();
  }
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Group>>(
          info.Env(), lane,
          [fd, container = std::move(container)] {
            return kernel::adoptGroup(kernel::Sys::real(), fd, container);
          },
          [](Napi::Env env, std::shared_ptr<kernel::Group> group) -> Napi::Value {
            return make<GroupHandle>(env, {std::move(group)});
          });
}

Napi::Value adoptDevice(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  const auto adoption = arguments.flag(1) ? kernel::Adoption::kTakeOver : kernel::Adoption::kDuplicate;
  if (!arguments.ok()) return info.Env().Undefined();
  std::shared_ptr<kernel::Group> group;
  if (!info[2].IsNull()) {
    group = groupOf(info.Env(), info[2]);
    if (!group) return info.Env().Undefined();
  }
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::KernelDevice>>(
          info.Env(), lane,
          [fd, adoption, group = std::move(group)] {
            return kernel::adoptDevice(kernel::Sys::real(), fd, adoption, group);
          },
          deviceOf);
}

}  // namespace vfm::binding
