// SPDX-License-Identifier: MIT
// NativeSink: where the chunks of a load go.
#pragma once

#include "binding/handle.h"
#include "core/data/chunk_sink.h"
#include "core/data/pump.h"

namespace vfm::binding {

class SinkHandle : public Napi::ObjectWrap<SinkHandle> {
 public:
  static constexpr const char* kName = "Sink";
  struct Init {
    std::shared_ptr<ChunkSink> sink;
    std::shared_ptr<Cancellation> cancellation;
    size_t piece;  // of raw input, in bytes
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit SinkHandle(const Napi::CallbackInfo& info);
  ~SinkHandle() override { dropOn(lane_, std::move(sink_)); }

  // For a source that pumps straight into this sink.
  const std::shared_ptr<ChunkSink>& sink() const { return sink_; }
  const std::shared_ptr<PumpControl>& control() const { return control_; }
  Turnstile& turnstile() { return turnstile_; }

 private:
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value pumpFromFd(const Napi::CallbackInfo& info);
  Napi::Value pumpFromFrames(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value record(const Napi::CallbackInfo& info);
  Napi::Value takeRecords(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<ChunkSink> sink_;  // null once closed
  std::shared_ptr<Cancellation> cancellation_;
  std::shared_ptr<PumpControl> control_ = std::make_shared<PumpControl>();
  size_t piece_;
  Turnstile turnstile_;
};

}  // namespace vfm::binding
