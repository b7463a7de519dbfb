// SPDX-License-Identifier: MIT
// NativeFrameReader: a framed stream read from a descriptor.
#pragma once

#include "binding/handle.h"
#include "core/data/frame_cursor.h"
#include "core/data/pump.h"

namespace vfm::binding {

// Everything a reading lane needs, kept while one works. The reader borrows from its neighbours, so none of
// it ever moves.
struct OpenFrameReader {
  OpenFrameReader(UniqueFd fd, Input input, std::shared_ptr<Cancellation> cancellation, ReaderOptions options)
      : fd(std::move(fd)),
        input(std::move(input)),
        cancellation(std::move(cancellation)),
        reader(this->input, *this->cancellation, std::move(options)),
        frames(reader) {}

  UniqueFd fd;
  Input input;
  std::shared_ptr<Cancellation> cancellation;
  FrameReader reader;
  FrameCursor frames;
  PumpControl control;
};

class FrameReaderHandle : public Napi::ObjectWrap<FrameReaderHandle> {
 public:
  static constexpr const char* kName = "FrameReader";
  struct Init {
    std::shared_ptr<OpenFrameReader> open;
  };
  static Napi::Function classDefinition(Napi::Env env);
  // The handle (or a failure object) over a duplicate of the descriptor.
  static Napi::Value openOver(const Napi::CallbackInfo& info);
  explicit FrameReaderHandle(const Napi::CallbackInfo& info);
  ~FrameReaderHandle() override { dropOn(lane_, std::move(open_)); }

  const std::shared_ptr<OpenFrameReader>& open() const { return open_; }
  Turnstile& turnstile() { return turnstile_; }

 private:
  Napi::Value next(const Napi::CallbackInfo& info);
  Napi::Value readData(const Napi::CallbackInfo& info);
  Napi::Value skipData(const Napi::CallbackInfo& info);
  Napi::Value totals(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<OpenFrameReader> open_;
  std::shared_ptr<Cancellation> cancellation_;
  Turnstile turnstile_;
};

}  // namespace vfm::binding
