// SPDX-License-Identifier: MIT
#include "binding/simulated.h"

#include "binding/arguments.h"
#include "binding/device_handle.h"
#include "binding/simulated_options.h"
#include "binding/simulation_handle.h"

namespace vfm::binding {

Napi::Value openSimulated(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto options = simulatedOptionsFrom(object);
  if (!options) return failed(info.Env(), options.failure());
  // Filling gigabytes with a seed's contents takes seconds: on a lane of its own, which ends with the task.
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<SimulatedDevice>>(
          info.Env(), lane, [options = std::move(*options)] { return SimulatedDevice::open(options); },
          [](Napi::Env env, std::shared_ptr<SimulatedDevice> device) -> Napi::Value {
            Napi::Object opened = Napi::Object::New(env);
            opened.Set("simulation", make<SimulationHandle>(env, {device, device->ledger()}));
            opened.Set("device", make<DeviceHandle>(env, {std::move(device)}));
            return opened;
          });
}

}  // namespace vfm::binding
