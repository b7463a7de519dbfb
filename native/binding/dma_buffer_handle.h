// SPDX-License-Identifier: MIT
// NativeDmaBuffer: memory that devices may be given.
#pragma once

#include "binding/handle.h"
#include "core/dma/dma_memory.h"

namespace vfm::binding {

class DmaBufferHandle : public Napi::ObjectWrap<DmaBufferHandle> {
 public:
  static constexpr const char* kName = "DmaBuffer";
  struct Init {
    std::shared_ptr<DmaMemory> memory;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit DmaBufferHandle(const Napi::CallbackInfo& info);
  ~DmaBufferHandle() override { dropOn(lane_, std::move(memory_)); }

  // Null once closed.
  const std::shared_ptr<DmaMemory>& memory() const { return memory_; }

 private:
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value pageSize(const Napi::CallbackInfo& info);
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value trusted(const Napi::CallbackInfo& info);
  Napi::Value writable(const Napi::CallbackInfo& info);
  Napi::Value window(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value readInto(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<DmaMemory> memory_;
  uint64_t size_ = 0;
};

// Null, with a TypeError pending, when the value is no open DMA buffer.
std::shared_ptr<DmaMemory> dmaMemoryOf(Napi::Env env, Napi::Value value);

Napi::Value allocateDmaBuffer(const Napi::CallbackInfo& info);
Napi::Value dmaBufferOfDescriptor(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
