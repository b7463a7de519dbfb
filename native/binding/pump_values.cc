// SPDX-License-Identifier: MIT
#include "binding/pump_values.h"

#include <algorithm>
#include <cstring>

#include "binding/arguments.h"

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

Napi::Value setRecording(const Napi::CallbackInfo& info, FlightRing& ring) {
  Arguments arguments(info);
  const uint32_t capacity = std::min(arguments.number(0), 1u << 20);
  if (!arguments.ok()) return info.Env().Undefined();
  if (capacity == 0)
    ring.stop();
  else
    ring.start(capacity);
  return info.Env().Undefined();
}

Napi::Value takeRecords(Napi::Env env, FlightRing& ring) {
  const FlightRing::Taken taken = ring.take();
  const auto& lost = taken.lost;
  if (taken.records.empty() && lost.chunks == 0 && lost.registers == 0) return env.Null();
  // One block of words for all of them: an object each would cost more than what it tells of.
  static_assert(sizeof(FlightRecord) == 7 * sizeof(uint64_t));
  const size_t size = taken.records.size() * sizeof(FlightRecord);
  Napi::ArrayBuffer words = Napi::ArrayBuffer::New(env, size);
  if (size > 0) std::memcpy(words.Data(), taken.records.data(), size);
  Napi::Object object = Napi::Object::New(env);
  object.Set("words", words);
  object.Set("lostChunks", static_cast<double>(lost.chunks));
  object.Set("lostBytes", static_cast<double>(lost.bytes));
  object.Set("lostRegisters", static_cast<double>(lost.registers));
  object.Set("lostDeviceNs", Napi::BigInt::New(env, lost.deviceNs));
  object.Set("lostNs", Napi::BigInt::New(env, lost.lastNs));
  return object;
}

}  // namespace vfm::binding
