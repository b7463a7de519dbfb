// SPDX-License-Identifier: MIT
#include "binding/source_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/frame_writer_handle.h"
#include "binding/pump_values.h"
#include "binding/rate_limit_handle.h"
#include "binding/sink_handle.h"
#include "core/threads/background.h"

namespace vfm::binding {
namespace {

Napi::Object turnObject(Napi::Env env, Progress progress, Napi::Value data) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("progress", nameOf(progress));
  object.Set("data", data);
  return object;
}

}  // namespace

Napi::Function SourceHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&SourceHandle::next>("next"), InstanceMethod<&SourceHandle::nextOwned>("nextOwned"),
       InstanceMethod<&SourceHandle::release>("release"), InstanceMethod<&SourceHandle::pumpToFd>("pumpToFd"),
       InstanceMethod<&SourceHandle::pumpToFrames>("pumpToFrames"),
       InstanceMethod<&SourceHandle::pumpToSink>("pumpToSink"),
       InstanceMethod<&SourceHandle::counters>("counters"), InstanceMethod<&SourceHandle::record>("record"),
       InstanceMethod<&SourceHandle::takeRecords>("takeRecords"),
       InstanceMethod<&SourceHandle::pause>("pause"), InstanceMethod<&SourceHandle::cancel>("cancel"),
       InstanceMethod<&SourceHandle::quiet>("quiet"), InstanceMethod<&SourceHandle::close>("close")});
}

SourceHandle::SourceHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SourceHandle>(info), lane_("vfm:save") {
  Init init = takeInit<Init>(info);
  source_ = std::move(init.source);
  cancellation_ = std::move(init.cancellation);
  source_->noteIn(control_->flight);
}

SourceHandle::~SourceHandle() {
  if (ahead_) ahead_->stop();
  dropOn(lane_, std::move(source_));
}

std::optional<Failure> SourceHandle::refusalOfNext() const {
  if (!source_) return closed("next chunk");
  if (!inPlaceOut_.expired() || turnstile_.busy()) return busy("next chunk");
  return std::nullopt;
}

std::optional<Failure> SourceHandle::refusalOfOther(const char* what) const {
  if (!source_) return closed(what);
  // What was read ahead comes first.
  if (!inPlaceOut_.expired() || turnstile_.busy() || ahead_) return busy(what);
  return std::nullopt;
}

Napi::Value SourceHandle::next(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool ahead = arguments.flag(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (auto refused = refusalOfNext()) return failed(info.Env(), *refused);
  // The turn that follows lets the device overwrite what was lent.
  endLoan();
  return ahead || ahead_ ? turnAhead(info.Env()) : turn(info.Env());
}

Napi::Value SourceHandle::turn(Napi::Env env) {
  turnstile_.enter();
  Ref();
  return Runtime::of(env).run<Arrival>(
      env, lane_,
      [source = source_, flight = control_->flight, slots = slots_] {
        return readInto(*source, *flight, *slots, Place::kAnywhere);
      },
      [this](Napi::Env env, Arrival arrival) { return handOver(env, std::move(arrival)); },
      [this](Napi::Env) {
        turnstile_.leave();
        Unref();
      });
}

class SourceHandle::Arrived final : public Completion {
 public:
  explicit Arrived(SourceHandle& handle) : handle_(handle) {}
  void settle(Napi::Env env) override { handle_.arrived(env); }

 private:
  SourceHandle& handle_;  // referenced as long as somebody waits
};

Napi::Value SourceHandle::turnAhead(Napi::Env env) {
  class ReadOn final : public LaneTask {
   public:
    explicit ReadOn(std::shared_ptr<ReadAhead> ahead) : ahead_(std::move(ahead)) {}
    void run(std::unique_ptr<LaneTask>) override {
      const Background background;
      ahead_->run();
    }

   private:
    std::shared_ptr<ReadAhead> ahead_;
  };

  if (!ahead_) {
    auto ahead = std::make_shared<ReadAhead>(source_, control_->flight, slots_);
    const int error = lane_.post(std::make_unique<ReadOn>(ahead));
    if (error != 0) return failed(env, Failure::system(error, "pthread_create", "a thread for this device"));
    ahead_ = std::move(ahead);
  }
  const auto deferred = Napi::Promise::Deferred::New(env);
  const auto& completions = Runtime::of(env).completions();
  auto first = ahead_->take([this, completions] { completions->post(std::make_unique<Arrived>(*this)); });
  if (first) {
    settle(env, deferred, std::move(*first));
    return deferred.Promise();
  }
  turnstile_.enter();
  Ref();
  completions->expect();
  waiting_ = deferred;
  return deferred.Promise();
}

void SourceHandle::arrived(Napi::Env env) {
  const Napi::Promise::Deferred deferred = *waiting_;
  waiting_.reset();
  turnstile_.leave();
  if (auto first = ahead_->take(nullptr)) settle(env, deferred, std::move(*first));
  Unref();
}

void SourceHandle::settle(Napi::Env env, const Napi::Promise::Deferred& deferred, Result<Arrival> arrival) {
  if (ahead_->over()) ahead_.reset();
  deferred.Resolve(arrival ? handOver(env, std::move(*arrival)) : toObject(env, arrival.failure()));
}

Napi::Value SourceHandle::handOver(Napi::Env env, Arrival arrival) {
  Turn& turn = arrival.turn;
  if (turn.progress != Progress::kBytes) return turnObject(env, turn.progress, env.Null());
  // Closed meanwhile: what was read belongs to nobody.
  if (!source_) return toObject(env, closed("next chunk"));
  auto view = lend(env, turn.bytes, turn.memory);
  if (!view) return toObject(env, view.failure());
  loan_.begin(*view);
  lent_.emplace(Lent{ConstBytes{turn.bytes}, std::move(turn.memory), std::move(arrival.claim)});
  control_->count(lent_->bytes.size);
  return turnObject(env, turn.progress, *view);
}

void SourceHandle::endLoan() {
  loan_.end();
  lent_.reset();
}

SourceHandle::Taken SourceHandle::take() {
  if (!lent_) return {};
  Lent lent = std::move(*lent_);
  endLoan();
  const bool inPlace = lent.claim == nullptr;
  auto chunk =
      std::make_shared<TakenChunk>(TakenChunk{lent.bytes, std::move(lent.keep), std::move(lent.claim)});
  if (inPlace) inPlaceOut_ = chunk;
  return {std::move(chunk), inPlace};
}

Napi::Value SourceHandle::nextOwned(const Napi::CallbackInfo& info) {
  if (auto refused = refusalOfOther("next chunk")) return failed(info.Env(), *refused);
  turnstile_.enter();
  endLoan();
  Ref();
  return Runtime::of(info.Env())
      .run<Turn>(
          info.Env(), lane_,
          [source = source_, flight = control_->flight] {
            ChunkTimer timer(*flight, ChunkTimer::Device::kFirst);
            auto turn = source->nextOwned();
            timer.half();
            if (!turn)
              timer.failed(turn.failure());
            else if (turn->progress == Progress::kBytes)
              timer.done(turn->bytes.size);
            return turn;
          },
          [this](Napi::Env env, Turn turn) -> Napi::Value {
            if (turn.progress != Progress::kBytes) return turnObject(env, turn.progress, env.Null());
            auto view = lend(env, turn.bytes, std::move(turn.memory));
            if (!view) return toObject(env, view.failure());
            control_->count(turn.bytes.size);
            return turnObject(env, turn.progress, *view);
          },
          [this](Napi::Env) {
            turnstile_.leave();
            Unref();
          });
}

Napi::Value SourceHandle::release(const Napi::CallbackInfo& info) {
  endLoan();
  return info.Env().Undefined();
}

template <typename Work, typename Settled>
Napi::Value SourceHandle::pump(Napi::Env env, Work work, Settled settled) {
  turnstile_.enter();
  endLoan();
  control_->pause = false;
  Ref();
  return Runtime::of(env).run<Pumped>(
      env, lane_,
      [source = source_, control = control_, work = std::move(work)]() mutable {
        return work(*source, *control);
      },
      [](Napi::Env env, const Pumped& pumped) -> Napi::Value { return toObject(env, pumped); },
      [this, settled = std::move(settled)](Napi::Env) mutable {
        settled();
        turnstile_.leave();
        Unref();
      });
}

Napi::Value SourceHandle::pumpToFd(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int borrowed = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (auto refused = refusalOfOther("pump")) return failed(info.Env(), *refused);
  // A descriptor of our own: should the caller close his early, the number may become another file.
  UniqueFd fd(::fcntl(borrowed, F_DUPFD_CLOEXEC, 3));
  if (!fd)
    return failed(info.Env(), Failure::system(errno, "fcntl", "F_DUPFD_CLOEXEC " + std::to_string(borrowed)));
  return pump(
      info.Env(),
      [fd = std::make_shared<UniqueFd>(std::move(fd)), cancellation = cancellation_,
       limit = RateLimitHandle::of(info[1])](ChunkSource& source, PumpControl& control) -> Result<Pumped> {
        auto output = Output::over(fd->get());
        if (!output) return std::move(output).failure();
        return pumpToOutput(source, *output, *cancellation, control, {limit.get(), cancellation.get()});
      },
      [] {});
}

Napi::Value SourceHandle::pumpToFrames(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  const uint32_t section = arguments.number(1);
  if (!arguments.ok()) return info.Env().Undefined();
  FrameWriterHandle* writer = FrameWriterHandle::Unwrap(object);
  if (!writer->open()) return failed(info.Env(), closed("pump to frames"));
  if (!writer->turnstile().enter()) return failed(info.Env(), busy("pump to frames"));
  writer->Ref();
  auto over = [writer] {
    writer->takeTotals();
    writer->turnstile().leave();
    writer->Unref();
  };
  if (auto refused = refusalOfOther("pump to frames")) {
    over();
    return failed(info.Env(), *refused);
  }
  return pump(
      info.Env(),
      [open = writer->open(), section, cancellation = cancellation_, limit = RateLimitHandle::of(info[2])](
          ChunkSource& source, PumpControl& control) {
        return vfm::pumpToFrames(source, *open->writer, section, control, {limit.get(), cancellation.get()});
      },
      over);
}

Napi::Value SourceHandle::pumpToSink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  if (!arguments.ok()) return info.Env().Undefined();
  SinkHandle* sink = SinkHandle::Unwrap(object);
  if (!sink->sink()) return failed(info.Env(), closed("pump to a device"));
  if (!sink->turnstile().enter()) return failed(info.Env(), busy("pump to a device"));
  sink->Ref();
  auto over = [sink] {
    sink->turnstile().leave();
    sink->Unref();
  };
  if (auto refused = refusalOfOther("pump to a device")) {
    over();
    return failed(info.Env(), *refused);
  }
  return pump(
      info.Env(),
      [target = sink->sink(), targetControl = sink->control(), cancellation = cancellation_,
       limit = RateLimitHandle::of(info[1])](ChunkSource& source, PumpControl& control) {
        return vfm::pumpToSink(source, *target, control, *targetControl, {limit.get(), cancellation.get()});
      },
      over);
}

Napi::Value SourceHandle::counters(const Napi::CallbackInfo& info) { return toObject(info.Env(), *control_); }

Napi::Value SourceHandle::record(const Napi::CallbackInfo& info) {
  return setRecording(info, *control_->flight);
}

Napi::Value SourceHandle::takeRecords(const Napi::CallbackInfo& info) {
  return binding::takeRecords(info.Env(), *control_->flight);
}

Napi::Value SourceHandle::pause(const Napi::CallbackInfo& info) {
  if (turnstile_.busy()) control_->pause = true;
  return info.Env().Undefined();
}

Napi::Value SourceHandle::cancel(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  if (source_) source_->cancel();
  if (ahead_) ahead_->stop();
  return info.Env().Undefined();
}

Napi::Value SourceHandle::quiet(const Napi::CallbackInfo& info) {
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), lane_, []() -> Result<std::nullptr_t> { return nullptr; },
          [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

Napi::Value SourceHandle::close(const Napi::CallbackInfo& info) {
  cancel(info);
  endLoan();
  return closeOn(info.Env(), *this, lane_, std::move(source_));
}

}  // namespace vfm::binding
