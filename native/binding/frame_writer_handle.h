// SPDX-License-Identifier: MIT
// NativeFrameWriter: a framed stream written to a descriptor.
#pragma once

#include "binding/handle.h"
#include "core/stream/frame_writer.h"

namespace vfm::binding {

// Everything a writing lane needs, kept while one works. The writer borrows from its neighbours, so none of
// it ever moves.
struct OpenFrameWriter {
  static Result<std::shared_ptr<OpenFrameWriter>> over(int fd, WriterOptions options);

  UniqueFd fd;
  std::shared_ptr<Cancellation> cancellation;
  std::optional<Output> output;
  std::optional<FrameWriter> writer;
};

class FrameWriterHandle : public Napi::ObjectWrap<FrameWriterHandle> {
 public:
  static constexpr const char* kName = "FrameWriter";
  struct Init {
    std::shared_ptr<OpenFrameWriter> open;
  };
  static Napi::Function classDefinition(Napi::Env env);
  static Napi::Value openOver(const Napi::CallbackInfo& info);
  explicit FrameWriterHandle(const Napi::CallbackInfo& info);
  ~FrameWriterHandle() override { dropOn(lane_, std::move(open_)); }

  const std::shared_ptr<OpenFrameWriter>& open() const { return open_; }
  Turnstile& turnstile() { return turnstile_; }
  // After each piece of work, while no lane has the writer.
  void takeTotals();

 private:
  Napi::Value writeControls(const Napi::CallbackInfo& info);
  Napi::Value writeData(const Napi::CallbackInfo& info);
  Napi::Value totals(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  template <typename Work>
  Napi::Value write(Napi::Env env, Work work, uint64_t pin);

  Lane lane_;
  std::shared_ptr<OpenFrameWriter> open_;
  std::shared_ptr<Cancellation> cancellation_;
  StreamCounters totals_;
  Turnstile turnstile_;
};

}  // namespace vfm::binding
