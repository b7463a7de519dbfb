// SPDX-License-Identifier: MIT
#include "binding/simulated.h"

#include "binding/arguments.h"
#include "binding/device_handle.h"
#include "core/simulated/simulated_device.h"

namespace vfm::binding {
namespace {

std::string text(const Napi::Object& object, const char* name) {
  return object.Get(name).ToString().Utf8Value();
}
uint32_t number(const Napi::Object& object, const char* name) {
  return object.Get(name).ToNumber().Uint32Value();
}
bool flag(const Napi::Object& object, const char* name) { return object.Get(name).ToBoolean().Value(); }

uint64_t wide(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
}

template <typename Each>
void forEach(const Napi::Object& object, const char* name, Each&& each) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) each(array.Get(i).As<Napi::Object>());
}

Failure unknown(const char* what, const std::string& value) {
  return Failure::because(Reason::kInvalidArgument, "options of a simulated device",
                          std::string(what) + " \"" + value + "\" is unknown");
}

Result<SimulatedOptions> optionsFrom(const Napi::Object& object) {
  SimulatedOptions options;
  const std::string protocol = text(object, "protocol");
  if (protocol == "v1") {
    options.protocol = SimulatedProtocol::kV1;
  } else if (protocol == "v2") {
    options.protocol = SimulatedProtocol::kV2;
  } else if (protocol == "none") {
    options.protocol = SimulatedProtocol::kNone;
  } else {
    return unknown("protocol", protocol);
  }
  const std::string data = text(object, "dataSection");
  if (data == "trapped") {
    options.data = DataSection::kTrapped;
  } else if (data == "mapped") {
    options.data = DataSection::kMapped;
  } else if (data == "sparse") {
    options.data = DataSection::kSparse;
  } else if (data == "straddling") {
    options.data = DataSection::kStraddling;
  } else {
    return unknown("data section", data);
  }
  const std::string arcs = text(object, "arcs");
  if (arcs == "full") {
    options.arcs = V1Arcs::kFull;
  } else if (arcs == "i915") {
    options.arcs = V1Arcs::kI915;
  } else if (arcs == "lvu") {
    options.arcs = V1Arcs::kLibvfioUser;
  } else {
    return unknown("arcs", arcs);
  }
  const std::string drained = text(object, "drained");
  if (drained != "enomsg" && drained != "zero") return unknown("drained convention", drained);
  options.drained = drained == "zero" ? DrainedConvention::kZero : DrainedConvention::kEnomsg;

  options.stateBytes = wide(object, "stateBytes");
  options.chunkBytes = wide(object, "chunkBytes");
  if (object.Get("seed").IsNumber()) options.seed = number(object, "seed");
  options.dirtyRate = wide(object, "dirtyRate");
  options.reservedBits = number(object, "reservedBits");
  options.precopy = flag(object, "preCopy");
  options.p2p = flag(object, "p2p");
  options.roundsByInfo = flag(object, "roundsByInfo");
  options.shortRead = wide(object, "shortRead");
  options.shortWrite = wide(object, "shortWrite");

  std::optional<Failure> wrong;
  forEach(object, "faults", [&](const Napi::Object& fault) {
    const auto operation = operationNamed(text(fault, "operation"));
    const std::string outcome = text(fault, "outcome");
    if (!operation) wrong = unknown("operation", text(fault, "operation"));
    options.faults.push_back({operation.value_or(Operation::kInfo), text(fault, "argument"),
                              static_cast<int>(number(fault, "errno")), number(fault, "nth"),
                              number(fault, "count"),
                              outcome == "error"       ? FaultOutcome::kError
                              : outcome == "requested" ? FaultOutcome::kRequested
                                                       : FaultOutcome::kKeep});
  });
  forEach(object, "delays", [&](const Napi::Object& delay) {
    const auto operation = operationNamed(text(delay, "operation"));
    if (!operation) wrong = unknown("operation", text(delay, "operation"));
    options.delays.push_back(
        {operation.value_or(Operation::kInfo), text(delay, "argument"), number(delay, "milliseconds")});
  });
  forEach(object, "lies", [&](const Napi::Object& lie) {
    options.lies.push_back({text(lie, "name"), wide(lie, "value"), number(lie, "nth"), number(lie, "count")});
  });
  if (wrong) return *wrong;
  return options;
}

}  // namespace

Napi::Value openSimulated(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto options = optionsFrom(object);
  if (!options) return failed(info.Env(), options.failure());
  // Filling gigabytes with a seed's contents takes seconds: on a lane of its own, which ends with the task.
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<Device>>(
          info.Env(), lane,
          [options = std::move(*options)]() -> Result<std::shared_ptr<Device>> {
            auto device = SimulatedDevice::open(options);
            if (!device) return std::move(device).failure();
            return std::shared_ptr<Device>(std::move(*device));
          },
          [](Napi::Env env, std::shared_ptr<Device> device) -> Napi::Value {
            return make<DeviceHandle>(env, {std::move(device)});
          });
}

}  // namespace vfm::binding
