// SPDX-License-Identifier: MIT
#include "binding/vfio_user_client.h"

#include "binding/arguments.h"
#include "binding/device_handle.h"
#include "core/vfio_user/client_device.h"

namespace vfm::binding {
namespace {

vfio_user::Milliseconds milliseconds(const Napi::Object& object, const char* name) {
  return vfio_user::Milliseconds(object.Get(name).ToNumber().Int64Value());
}

}  // namespace

Napi::Value openVfioUser(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string path = arguments.text(0);
  const Napi::Object object = arguments.object(1);
  if (!arguments.ok()) return info.Env().Undefined();
  vfio_user::ClientOptions options;
  options.connectTimeout = milliseconds(object, "connectTimeout");
  options.requestTimeout = milliseconds(object, "requestTimeout");
  options.stateTimeout = milliseconds(object, "stateTimeout");
  options.twinSocket = object.Get("twinSocket").ToBoolean().Value();
  // A server may take its time to answer: on a lane of its own, which ends with the task.
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<Device>>(
          info.Env(), lane,
          [path, options]() -> Result<std::shared_ptr<Device>> {
            auto device = vfio_user::ClientDevice::open(path, options);
            if (!device) return std::move(device).failure();
            return std::shared_ptr<Device>(std::move(*device));
          },
          [](Napi::Env env, std::shared_ptr<Device> device) -> Napi::Value {
            return make<DeviceHandle>(env, {std::move(device)});
          });
}

}  // namespace vfm::binding
