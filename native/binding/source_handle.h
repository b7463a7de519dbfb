// SPDX-License-Identifier: MIT
// NativeSource: where the chunks of a save come from.
#pragma once

#include <optional>

#include "binding/handle.h"
#include "binding/lent_memory.h"
#include "core/data/chunk_source.h"
#include "core/data/pump.h"
#include "core/data/read_ahead.h"

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
  ~SourceHandle() override;

  // A chunk in the hands of whoever took it over; its memory may be read into again once all shares are gone.
  struct TakenChunk {
    ConstBytes bytes;
    std::shared_ptr<void> keep;
    std::shared_ptr<void> claim;
  };
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
  Napi::Value quiet(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // Why none can begin now.
  std::optional<Failure> refusalOfNext() const;
  std::optional<Failure> refusalOfOther(const char* what) const;
  Napi::Value turn(Napi::Env env);
  Napi::Value turnAhead(Napi::Env env);
  // The next chunk is there, or the news that there is none.
  void arrived(Napi::Env env);
  void settle(Napi::Env env, const Napi::Promise::Deferred& deferred, Result<Arrival> arrival);
  Napi::Value handOver(Napi::Env env, Arrival arrival);
  class Arrived;
  // A pump on this source's lane; `settled` runs on the JavaScript thread when it is over.
  template <typename Work, typename Settled>
  Napi::Value pump(Napi::Env env, Work work, Settled settled);

  Lane lane_;
  std::shared_ptr<ChunkSource> source_;  // null once closed
  std::shared_ptr<Cancellation> cancellation_;
  std::shared_ptr<PumpControl> control_ = std::make_shared<PumpControl>();

  // Ends what next() lent.
  void endLoan();

  struct Lent {
    ConstBytes bytes;
    std::shared_ptr<void> keep;
    std::shared_ptr<ChunkSlots::Claim> claim;  // null: in the device's own memory
  };
  Loan loan_;
  std::optional<Lent> lent_;
  const std::shared_ptr<const ChunkSlots> slots_ = std::make_shared<ChunkSlots>();
  // Alive: a chunk in the device's own memory was taken over, and is not done with.
  std::weak_ptr<void> inPlaceOut_;
  std::shared_ptr<ReadAhead> ahead_;
  std::optional<Napi::Promise::Deferred> waiting_;  // for what is read ahead
  Turnstile turnstile_;
};

}  // namespace vfm::binding
