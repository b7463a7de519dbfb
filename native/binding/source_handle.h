// SPDX-License-Identifier: MIT
// NativeSource: where the chunks of a save come from.
#pragma once

#include <optional>

#include "binding/chunk_slots.h"
#include "binding/handle.h"
#include "binding/lent_memory.h"
#include "core/data/chunk_source.h"
#include "core/data/pump.h"

namespace vfm::binding {

class SourceHandle : public Napi::ObjectWrap<SourceHandle> {
 public:
  static constexpr const char* kName = "Source";
  struct Init {
    std::shared_ptr<ChunkSource> source;
    std::shared_ptr<Cancellation> cancellation;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit SourceHandle(const Napi::CallbackInfo& info);
  ~SourceHandle() override { dropOn(lane_, std::move(source_)); }

  struct Taken {
    std::shared_ptr<TakenChunk> chunk;  // null: none is lent
    bool inPlace = false;               // in the device's own memory: no turn before it is done with
  };
  // The chunk that next() lent, for whoever needs it longer: its ArrayBuffer is detached.
  Taken take();

 private:
  Napi::Value next(const Napi::CallbackInfo& info);
  Napi::Value nextOwned(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value pumpToFd(const Napi::CallbackInfo& info);
  Napi::Value pumpToFrames(const Napi::CallbackInfo& info);
  Napi::Value pumpToSink(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value record(const Napi::CallbackInfo& info);
  Napi::Value takeRecords(const Napi::CallbackInfo& info);
  Napi::Value pause(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Napi::Value turn(Napi::Env env, bool owned);
  // A pump on this source's lane; `settled` runs on the JavaScript thread when it is over.
  template <typename Work, typename Settled>
  Napi::Value pump(Napi::Env env, Work work, Settled settled);

  Lane lane_;
  std::shared_ptr<ChunkSource> source_;  // null once closed
  std::shared_ptr<Cancellation> cancellation_;
  std::shared_ptr<PumpControl> control_ = std::make_shared<PumpControl>();
  // Ends what next() lent.
  void endLoan();
  // Whether a chunk in the device's memory is still out.
  bool inPlaceOut() const { return inPlace_->taken.load(std::memory_order_acquire); }

  struct Lent {
    ConstBytes bytes;
    std::shared_ptr<void> keep;
    std::shared_ptr<ChunkSlot> slot;
  };
  Loan loan_;
  std::optional<Lent> lent_;
  const ChunkSlots slots_;
  const std::shared_ptr<ChunkSlot> inPlace_ =
      std::make_shared<ChunkSlot>();  // stands for the device's memory
  Turnstile turnstile_;
};

}  // namespace vfm::binding
