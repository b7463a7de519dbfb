// SPDX-License-Identifier: MIT
#include "binding/container_handle.h"

#include "binding/address_space_handle.h"
#include "binding/arguments.h"
#include "core/kernel/adopt.h"
#include "core/kernel/type1.h"

namespace vfm::binding {

Napi::Function ContainerHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceAccessor<&ContainerHandle::descriptor>("descriptor"),
                      InstanceAccessor<&ContainerHandle::iommu>("iommu"),
                      InstanceMethod<&ContainerHandle::apiVersion>("apiVersion"),
                      InstanceMethod<&ContainerHandle::checkExtension>("checkExtension"),
                      InstanceMethod<&ContainerHandle::setIommu>("setIommu"),
                      InstanceMethod<&ContainerHandle::addressSpace>("addressSpace"),
                      InstanceMethod<&ContainerHandle::close>("close")});
}

ContainerHandle::ContainerHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ContainerHandle>(info), lane_("vfm:container") {
  container_ = takeInit<Init>(info).container;
}

template <typename T, typename Work, typename Convert>
Napi::Value ContainerHandle::call(Napi::Env env, const char* what, Work work, Convert convert) {
  if (!container_) return failed(env, closed(what));
  Ref();
  return Runtime::of(env).run<T>(
      env, lane_, [container = container_, work = std::move(work)] { return work(*container); },
      std::move(convert), [this](Napi::Env) { Unref(); });
}

Napi::Value ContainerHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), container_ ? container_->descriptor() : -1);
}

Napi::Value ContainerHandle::iommu(const Napi::CallbackInfo& info) {
  const auto type = container_ ? container_->iommu() : std::nullopt;
  return type ? Napi::Value(Napi::Number::New(info.Env(), *type)) : info.Env().Null();
}

Napi::Value ContainerHandle::apiVersion(const Napi::CallbackInfo& info) {
  return call<uint32_t>(
      info.Env(), "VFIO_GET_API_VERSION", [](kernel::Container& container) { return container.apiVersion(); },
      [](Napi::Env env, uint32_t version) -> Napi::Value { return Napi::Number::New(env, version); });
}

Napi::Value ContainerHandle::checkExtension(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t extension = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<uint32_t>(
      info.Env(), "VFIO_CHECK_EXTENSION",
      [extension](kernel::Container& container) { return container.checkExtension(extension); },
      [](Napi::Env env, uint32_t found) -> Napi::Value { return Napi::Number::New(env, found); });
}

Napi::Value ContainerHandle::addressSpace(const Napi::CallbackInfo& info) {
  if (!container_) return toObject(info.Env(), closed("address space of a container"));
  return make<AddressSpaceHandle>(info.Env(), {kernel::Type1::of(container_)});
}

Napi::Value ContainerHandle::setIommu(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t type = arguments.number(0);
  const auto noIommu = arguments.flag(1) ? kernel::NoIommu::kAllow : kernel::NoIommu::kRefuse;
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::nullptr_t>(
      info.Env(), "VFIO_SET_IOMMU",
      [=](kernel::Container& container) -> Result<std::nullptr_t> {
        Status set = container.setIommu(type, noIommu);
        if (!set) return std::move(set).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value ContainerHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(container_));
}

Napi::Value openContainer(const Napi::CallbackInfo& info) {
  Lane lane("vfm:open");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Container>>(
          info.Env(), lane, [] { return kernel::Container::open(kernel::Sys::real()); },
          [](Napi::Env env, std::shared_ptr<kernel::Container> container) -> Napi::Value {
            return make<ContainerHandle>(env, {std::move(container)});
          });
}

Napi::Value adoptContainer(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Container>>(
          info.Env(), lane, [fd] { return kernel::adoptContainer(kernel::Sys::real(), fd); },
          [](Napi::Env env, std::shared_ptr<kernel::Container> container) -> Napi::Value {
            return make<ContainerHandle>(env, {std::move(container)});
          });
}

}  // namespace vfm::binding
