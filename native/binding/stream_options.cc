// SPDX-License-Identifier: MIT
#include "binding/stream_options.h"

namespace vfm::binding {
namespace {

std::vector<uint8_t> keyOf(const Napi::Object& object) {
  const Napi::Value key = object.Get("key");
  if (!key.IsTypedArray()) return {};
  auto bytes = key.As<Napi::TypedArrayOf<uint8_t>>();
  return std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength());
}

}  // namespace

WriterOptions writerOptions(const Napi::Object& object) {
  WriterOptions options;
  options.key = keyOf(object);
  if (!options.key.empty()) {
    options.integrity = StreamIntegrity::kKeyed;
  } else if (object.Get("strong").ToBoolean().Value()) {
    options.integrity = StreamIntegrity::kDigests;
  }
  return options;
}

ReaderOptions readerOptions(const Napi::Object& object) {
  ReaderOptions options;
  options.key = keyOf(object);
  const Napi::Value most = object.Get("maxData");
  if (most.IsNumber()) options.maxDataPayload = static_cast<uint64_t>(most.As<Napi::Number>().Int64Value());
  return options;
}

Napi::Object toObject(Napi::Env env, const StreamCounters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("frames", static_cast<double>(counters.frames));
  object.Set("bytes", static_cast<double>(counters.bytes));
  object.Set("payloadBytes", static_cast<double>(counters.payloadBytes));
  return object;
}

}  // namespace vfm::binding
