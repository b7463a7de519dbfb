// SPDX-License-Identifier: MIT
#include "binding/hwpt_handle.h"

#include "binding/arguments.h"
#include "binding/iova_values.h"
#include "core/kernel/ioas.h"

namespace vfm::binding {

Napi::Function HwptHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&HwptHandle::id>("id"),
       InstanceMethod<&HwptHandle::setDirtyTracking>("setDirtyTracking"),
       InstanceMethod<&HwptHandle::reportDirty>("reportDirty"), InstanceMethod<&HwptHandle::close>("close")});
}

HwptHandle::HwptHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<HwptHandle>(info), lane_("vfm:hwpt") {
  hwpt_ = takeInit<Init>(info).hwpt;
}

Napi::Value HwptHandle::id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), hwpt_ ? hwpt_->id() : 0);
}

Napi::Value HwptHandle::setDirtyTracking(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool enabled = arguments.flag(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!hwpt_) return failed(info.Env(), closed("IOMMU_HWPT_SET_DIRTY_TRACKING"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), lane_,
          [hwpt = hwpt_, enabled]() -> Result<std::nullptr_t> {
            Status set = hwpt->setDirtyTracking(enabled);
            if (!set) return std::move(set).failure();
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

Napi::Value HwptHandle::reportDirty(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  const uint64_t pageSize = arguments.wide(2);
  const auto after = arguments.flag(3) ? kernel::AfterRead::kKeep : kernel::AfterRead::kClear;
  if (!arguments.ok()) return info.Env().Undefined();
  if (!hwpt_) return failed(info.Env(), closed("IOMMU_HWPT_GET_DIRTY_BITMAP"));
  using Reported = std::shared_ptr<DirtyBitmap>;
  Ref();
  return Runtime::of(info.Env())
      .run<Reported>(
          info.Env(), lane_,
          [hwpt = hwpt_, iova, length, pageSize, after]() -> Result<Reported> {
            auto bitmap = DirtyBitmap::create(iova, length, pageSize);
            if (!bitmap) return bitmap;
            if (auto read = hwpt->ioas()->reportDirty(*hwpt, **bitmap, after); !read) {
              return std::move(read).failure();
            }
            return bitmap;
          },
          [](Napi::Env env, const Reported& bitmap) { return toBuffer(env, bitmap); },
          [this](Napi::Env) { Unref(); });
}

Napi::Value HwptHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(hwpt_));
}

}  // namespace vfm::binding
