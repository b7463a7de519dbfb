// SPDX-License-Identifier: MIT
// NativeDevice and memory: the device's own log of its writes, and the address space that it is attached to.
#include "binding/address_space_handle.h"
#include "binding/arguments.h"
#include "binding/device_handle.h"
#include "binding/iova_values.h"

namespace vfm::binding {
Napi::Value DeviceHandle::startDmaLog(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t pageSize = arguments.wide(1);
  if (!arguments.ok()) return info.Env().Undefined();
  auto ranges = rangesOf(info.Env(), info[0]);
  if (!ranges) return info.Env().Undefined();
  return call<uint64_t>(
      info.Env(), control_, "DMA log",
      [ranges = std::move(*ranges), pageSize](Device& device) {
        return device.startDmaLog(ranges, pageSize);
      },
      [](Napi::Env env, uint64_t page) -> Napi::Value { return Napi::BigInt::New(env, page); });
}

Napi::Value DeviceHandle::reportDmaLog(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  const uint64_t pageSize = arguments.wide(2);
  if (!arguments.ok()) return info.Env().Undefined();
  using Reported = std::shared_ptr<DirtyBitmap>;
  return call<Reported>(
      info.Env(), control_, "DMA log",
      [=](Device& device) -> Result<Reported> {
        auto bitmap = DirtyBitmap::create(iova, length, pageSize);
        if (!bitmap) return bitmap;
        if (auto reported = device.reportDmaLog(**bitmap); !reported) return std::move(reported).failure();
        return bitmap;
      },
      [](Napi::Env env, const Reported& bitmap) { return toBuffer(env, bitmap); });
}

Napi::Value DeviceHandle::stopDmaLog(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), control_, "DMA log", [](Device& device) { return device.stopDmaLog(); });
}

Napi::Value DeviceHandle::addressSpace(const Napi::CallbackInfo& info) {
  using Space = std::shared_ptr<AddressSpace>;
  return call<Space>(
      info.Env(), control_, "address space of a device",
      [](Device& device) -> Result<Space> { return device.addressSpace(); },
      [](Napi::Env env, Space space) -> Napi::Value {
        return space ? Napi::Value(make<AddressSpaceHandle>(env, {std::move(space)})) : env.Null();
      });
}

Napi::Value DeviceHandle::attach(const Napi::CallbackInfo& info) {
  auto space = addressSpaceOf(info.Env(), info[0]);
  if (!space) return info.Env().Undefined();
  return callForStatus(info.Env(), control_, "attach to an address space",
                       [space = std::move(space)](Device& device) { return device.attach(space); });
}

Napi::Value DeviceHandle::detach(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), control_, "detach from an address space",
                       [](Device& device) { return device.detach(); });
}

}  // namespace vfm::binding
