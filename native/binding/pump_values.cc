// SPDX-License-Identifier: MIT
#include "binding/pump_values.h"

namespace vfm::binding {

const char* nameOf(Progress progress) {
  switch (progress) {
    case Progress::kBytes:
      return "bytes";
    case Progress::kDrained:
    case Progress::kAgain:  // never leaves a source
      return "drained";
    case Progress::kEnd:
      return "end";
  }
  return "end";
}

Napi::Object toObject(Napi::Env env, const Pumped& pumped) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("progress", nameOf(pumped.progress));
  object.Set("bytes", static_cast<double>(pumped.bytes));
  object.Set("chunks", static_cast<double>(pumped.chunks));
  return object;
}

Napi::Object toObject(Napi::Env env, const PumpControl& control) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", static_cast<double>(control.bytes.load(std::memory_order_relaxed)));
  object.Set("chunks", static_cast<double>(control.chunks.load(std::memory_order_relaxed)));
  return object;
}

}  // namespace vfm::binding
