// SPDX-License-Identifier: MIT
// NativeSimulation: what was asked of a simulated device, what went wrong on purpose, and what shall go wrong
// from now on. Lives beside the device's own handle and does not keep the device open.
#pragma once

#include "binding/handle.h"
#include "core/simulated/simulated_device.h"

namespace vfm::binding {

class SimulationHandle : public Napi::ObjectWrap<SimulationHandle> {
 public:
  static constexpr const char* kName = "Simulation";
  struct Init {
    std::weak_ptr<SimulatedDevice> device;
    std::shared_ptr<Ledger> ledger;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit SimulationHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value operations(const Napi::CallbackInfo& info);
  Napi::Value strikes(const Napi::CallbackInfo& info);
  Napi::Value inject(const Napi::CallbackInfo& info);
  Napi::Value happen(const Napi::CallbackInfo& info);

  std::weak_ptr<SimulatedDevice> device_;
  std::shared_ptr<Ledger> ledger_;
};

}  // namespace vfm::binding
