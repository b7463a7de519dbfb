// SPDX-License-Identifier: MIT
// NativeDirtyBitmap: bits that JavaScript adds up and asks about. Only ever touched on the JavaScript thread.
#pragma once

#include "binding/handle.h"
#include "core/dma/dirty_bitmap.h"

namespace vfm::binding {

class DirtyBitmapHandle : public Napi::ObjectWrap<DirtyBitmapHandle> {
 public:
  static constexpr const char* kName = "DirtyBitmap";
  struct Init {
    std::shared_ptr<DirtyBitmap> bitmap;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit DirtyBitmapHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value merge(const Napi::CallbackInfo& info);
  Napi::Value mark(const Napi::CallbackInfo& info);
  Napi::Value clear(const Napi::CallbackInfo& info);
  Napi::Value dirtyPages(const Napi::CallbackInfo& info);
  Napi::Value runs(const Napi::CallbackInfo& info);

  std::shared_ptr<DirtyBitmap> bitmap_;
};

// createDirtyBitmap(iova, length, pageSize): the handle or a failure object.
Napi::Value createDirtyBitmap(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
