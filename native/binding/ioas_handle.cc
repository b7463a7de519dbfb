// SPDX-License-Identifier: MIT
#include "binding/ioas_handle.h"

#include "binding/address_space_handle.h"
#include "binding/arguments.h"
#include "binding/hwpt_handle.h"
#include "binding/iova_values.h"

namespace vfm::binding {

std::shared_ptr<kernel::Ioas> ioasOf(Napi::Env env, Napi::Value value) {
  const Napi::Function type = Runtime::of(env).classOf(IoasHandle::kName).Value();
  if (value.IsObject() && value.As<Napi::Object>().InstanceOf(type)) {
    auto* handle = Napi::ObjectWrap<IoasHandle>::Unwrap(value.As<Napi::Object>());
    if (handle != nullptr && handle->ioas()) return handle->ioas();
  }
  if (!env.IsExceptionPending()) {
    Napi::TypeError::New(env, "an open IOAS is needed").ThrowAsJavaScriptException();
  }
  return nullptr;
}

Napi::Function IoasHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&IoasHandle::id>("id"), InstanceMethod<&IoasHandle::addressSpace>("addressSpace"),
       InstanceMethod<&IoasHandle::copy>("copy"), InstanceMethod<&IoasHandle::allowIovas>("allowIovas"),
       InstanceMethod<&IoasHandle::hugePages>("hugePages"),
       InstanceMethod<&IoasHandle::setHugePages>("setHugePages"), InstanceMethod<&IoasHandle::hwpt>("hwpt"),
       InstanceMethod<&IoasHandle::close>("close")});
}

IoasHandle::IoasHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<IoasHandle>(info), lane_("vfm:ioas") {
  ioas_ = takeInit<Init>(info).ioas;
}

template <typename T, typename Work, typename Convert>
Napi::Value IoasHandle::call(Napi::Env env, const char* what, Work work, Convert convert) {
  if (!ioas_) return failed(env, closed(what));
  Ref();
  return Runtime::of(env).run<T>(
      env, lane_, [ioas = ioas_, work = std::move(work)] { return work(*ioas); }, std::move(convert),
      [this](Napi::Env) { Unref(); });
}

template <typename Work>
Napi::Value IoasHandle::callForStatus(Napi::Env env, const char* what, Work work) {
  return call<std::nullptr_t>(
      env, what,
      [work = std::move(work)](kernel::Ioas& ioas) -> Result<std::nullptr_t> {
        Status status = work(ioas);
        if (!status) return std::move(status).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value IoasHandle::id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ioas_ ? ioas_->id() : 0);
}

Napi::Value IoasHandle::addressSpace(const Napi::CallbackInfo& info) {
  if (!ioas_) return toObject(info.Env(), closed("address space of an IOAS"));
  return make<AddressSpaceHandle>(info.Env(), {ioas_});
}

Napi::Value IoasHandle::copy(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t from = arguments.wide(1);
  const uint64_t size = arguments.wide(2);
  const bool chosen = info[3].IsNull();
  const uint64_t iova = chosen ? 0 : arguments.wide(3);
  const Protection protection = protectionOf(arguments.text(4));
  if (!arguments.ok()) return info.Env().Undefined();
  auto source = ioasOf(info.Env(), info[0]);
  if (!source) return info.Env().Undefined();
  return call<uint64_t>(
      info.Env(), "IOMMU_IOAS_COPY",
      [=, source = std::move(source)](kernel::Ioas& ioas) {
        return ioas.copy(source, from, size, chosen ? std::nullopt : std::optional(iova), protection);
      },
      [](Napi::Env env, uint64_t at) -> Napi::Value { return Napi::BigInt::New(env, at); });
}

Napi::Value IoasHandle::allowIovas(const Napi::CallbackInfo& info) {
  auto ranges = rangesOf(info.Env(), info[0]);
  if (!ranges) return info.Env().Undefined();
  return callForStatus(info.Env(), "IOMMU_IOAS_ALLOW_IOVAS",
                       [ranges = std::move(*ranges)](kernel::Ioas& ioas) { return ioas.allowIovas(ranges); });
}

Napi::Value IoasHandle::hugePages(const Napi::CallbackInfo& info) {
  return call<bool>(
      info.Env(), "IOMMU_OPTION HUGE_PAGES", [](kernel::Ioas& ioas) { return ioas.hugePages(); },
      [](Napi::Env env, bool allowed) -> Napi::Value { return Napi::Boolean::New(env, allowed); });
}

Napi::Value IoasHandle::setHugePages(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool allowed = arguments.flag(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return callForStatus(info.Env(), "IOMMU_OPTION HUGE_PAGES",
                       [allowed](kernel::Ioas& ioas) { return ioas.setHugePages(allowed); });
}

Napi::Value IoasHandle::hwpt(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t device = arguments.number(0);
  const bool dirtyTracking = arguments.flag(1);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::shared_ptr<kernel::Hwpt>>(
      info.Env(), "IOMMU_HWPT_ALLOC",
      [=](kernel::Ioas& ioas) { return ioas.allocateHwpt(device, dirtyTracking); },
      [](Napi::Env env, std::shared_ptr<kernel::Hwpt> hwpt) -> Napi::Value {
        return make<HwptHandle>(env, {std::move(hwpt)});
      });
}

Napi::Value IoasHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(ioas_));
}

}  // namespace vfm::binding
