// SPDX-License-Identifier: MIT
// NativeChunkWriter: writes chunks of a save to a descriptor, in memory that it takes over from the save.
#pragma once

#include <optional>

#include "binding/handle.h"
#include "core/base/unique_fd.h"
#include "core/io/output.h"

namespace vfm::binding {

// What the lane needs, kept while it works. `failed` is the lane's alone.
struct OpenChunkWriter {
  static Result<std::shared_ptr<OpenChunkWriter>> over(int fd);

  UniqueFd fd;
  std::shared_ptr<Cancellation> cancellation;
  std::optional<Output> output;
  std::optional<Failure> failed;  // after it nothing more is written: the descriptor has an unknown part
};

class ChunkWriterHandle : public Napi::ObjectWrap<ChunkWriterHandle> {
 public:
  static constexpr const char* kName = "ChunkWriter";
  struct Init {
    std::shared_ptr<OpenChunkWriter> open;
  };
  static Napi::Function classDefinition(Napi::Env env);
  static Napi::Value openOver(const Napi::CallbackInfo& info);
  explicit ChunkWriterHandle(const Napi::CallbackInfo& info);
  ~ChunkWriterHandle() override { dropOn(lane_, std::move(open_)); }

 private:
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<OpenChunkWriter> open_;  // null once closed
  std::shared_ptr<Cancellation> cancellation_;
};

}  // namespace vfm::binding
