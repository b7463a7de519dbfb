// SPDX-License-Identifier: MIT
#include "binding/simulation_handle.h"

#include "binding/arguments.h"
#include "binding/simulated_options.h"

namespace vfm::binding {

Napi::Function SimulationHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&SimulationHandle::operations>("operations"),
                      InstanceMethod<&SimulationHandle::strikes>("strikes"),
                      InstanceMethod<&SimulationHandle::inject>("inject"),
                      InstanceMethod<&SimulationHandle::happen>("happen")});
}

SimulationHandle::SimulationHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SimulationHandle>(info) {
  Init init = takeInit<Init>(info);
  device_ = std::move(init.device);
  ledger_ = std::move(init.ledger);
}

Napi::Value SimulationHandle::operations(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array counts = Napi::Array::New(env);
  for (const OperationCount& count : ledger_->operations()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("operation", operationName(count.operation));
    object.Set("argument", count.argument);
    object.Set("calls", static_cast<double>(count.calls));
    counts.Set(counts.Length(), object);
  }
  return counts;
}

Napi::Value SimulationHandle::strikes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object all = Napi::Object::New(env);
  auto list = [&](const char* name, Ledger::Kind kind) {
    Napi::Array counts = Napi::Array::New(env);
    for (uint64_t strikes : ledger_->strikes(kind)) counts.Set(counts.Length(), static_cast<double>(strikes));
    all.Set(name, counts);
  };
  list("faults", Ledger::Kind::kFault);
  list("delays", Ledger::Kind::kDelay);
  list("lies", Ledger::Kind::kLie);
  list("events", Ledger::Kind::kEvent);
  return all;
}

Napi::Value SimulationHandle::inject(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto fault = faultFrom(object);
  if (!fault) return toObject(info.Env(), fault.failure());
  auto device = device_.lock();
  if (!device) return toObject(info.Env(), closed("fault of a simulated device"));
  Status injected = device->inject(std::move(*fault));
  return injected ? null(info.Env()) : toObject(info.Env(), injected.failure());
}

Napi::Value SimulationHandle::happen(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string name = arguments.text(0);
  if (!arguments.ok()) return info.Env().Undefined();
  const auto kind = eventNamed(name);
  if (!kind) {
    return toObject(info.Env(), Failure::because(Reason::kInvalidArgument, "event of a simulated device",
                                                 "\"" + name + "\" is unknown"));
  }
  auto device = device_.lock();
  if (!device) return toObject(info.Env(), closed("event of a simulated device"));
  auto effective = device->happen(*kind);
  if (!effective) return toObject(info.Env(), effective.failure());
  return Napi::Boolean::New(info.Env(), *effective);
}

}  // namespace vfm::binding
