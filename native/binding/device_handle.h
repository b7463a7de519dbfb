// SPDX-License-Identifier: MIT
// NativeDevice: a device of any backend.
#pragma once

#include <functional>

#include "binding/handle.h"
#include "core/device/device.h"

namespace vfm::binding {

class DeviceHandle : public Napi::ObjectWrap<DeviceHandle> {
 public:
  static constexpr const char* kName = "Device";
  struct Init {
    std::shared_ptr<Device> device;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit DeviceHandle(const Napi::CallbackInfo& info);
  ~DeviceHandle() override { dropOn(urgent_, std::move(device_)); }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value companions(const Napi::CallbackInfo& info);
  Napi::Value deviceInfo(const Napi::CallbackInfo& info);
  Napi::Value regionInfo(const Napi::CallbackInfo& info);
  Napi::Value irqInfo(const Napi::CallbackInfo& info);
  Napi::Value setIrqs(const Napi::CallbackInfo& info);
  Napi::Value setIoeventfd(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value hotResetInfo(const Napi::CallbackInfo& info);
  Napi::Value hotReset(const Napi::CallbackInfo& info);
  Napi::Value readRegister(const Napi::CallbackInfo& info);
  Napi::Value writeRegister(const Napi::CallbackInfo& info);
  Napi::Value readRegion(const Napi::CallbackInfo& info);
  Napi::Value writeRegion(const Napi::CallbackInfo& info);
  Napi::Value map(const Napi::CallbackInfo& info);
  Napi::Value migrationFlags(const Napi::CallbackInfo& info);
  Napi::Value migrationState(const Napi::CallbackInfo& info);
  Napi::Value setMigrationState(const Napi::CallbackInfo& info);
  Napi::Value migrationDataSize(const Napi::CallbackInfo& info);
  Napi::Value adoptSession(const Napi::CallbackInfo& info);
  Napi::Value feature(const Napi::CallbackInfo& info);
  Napi::Value startDmaLog(const Napi::CallbackInfo& info);
  Napi::Value reportDmaLog(const Napi::CallbackInfo& info);
  Napi::Value stopDmaLog(const Napi::CallbackInfo& info);
  Napi::Value addressSpace(const Napi::CallbackInfo& info);
  Napi::Value attach(const Napi::CallbackInfo& info);
  Napi::Value detach(const Napi::CallbackInfo& info);
  Napi::Value v1Source(const Napi::CallbackInfo& info);
  Napi::Value v1Sink(const Napi::CallbackInfo& info);
  Napi::Value serve(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, Lane& lane, const char* what, Work work, Convert convert,
                   uint64_t pin = 0) {
    if (!device_) {
      if (pin != 0) Runtime::of(env).unpin(pin);
      return failed(env, closed(what));
    }
    ++inProgress_;
    Ref();
    return Runtime::of(env).run<T>(
        env, lane, [device = device_, work = std::move(work)]() mutable { return work(*device); },
        std::move(convert),
        [this, pin](Napi::Env env) {
          if (pin != 0) Runtime::of(env).unpin(pin);
          leave(env);
          Unref();
        });
  }
  template <typename Work>
  Napi::Value callForStatus(Napi::Env env, Lane& lane, const char* what, Work work) {
    return call<std::nullptr_t>(
        env, lane, what,
        [work = std::move(work)](Device& device) -> Result<std::nullptr_t> {
          Status status = work(device);
          if (!status) return std::move(status).failure();
          return nullptr;
        },
        [](Napi::Env env, std::nullptr_t) { return null(env); });
  }

  // A device stuck in a state change can still be reset, and its regions looked at.
  Lane control_;
  Lane access_;
  Lane urgent_;
  std::shared_ptr<Device> device_;  // null once closed
  // Calls in progress per handle; close() settles after the last.
  size_t inProgress_ = 0;
  std::vector<Napi::Promise::Deferred> closing_;
  std::shared_ptr<Device> closingDevice_;
  void leave(Napi::Env env);
  void finishClose(Napi::Env env);
};

}  // namespace vfm::binding
