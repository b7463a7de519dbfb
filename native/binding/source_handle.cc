// SPDX-License-Identifier: MIT
#include "binding/source_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/frame_writer_handle.h"
#include "binding/pump_values.h"
#include "binding/rate_limit_handle.h"
#include "binding/sink_handle.h"

namespace vfm::binding {

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
       InstanceMethod<&SourceHandle::close>("close")});
}

SourceHandle::SourceHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SourceHandle>(info), lane_("vfm:save") {
  Init init = takeInit<Init>(info);
  source_ = std::move(init.source);
  cancellation_ = std::move(init.cancellation);
  source_->noteIn(control_->flight);
}

Napi::Value SourceHandle::next(const Napi::CallbackInfo& info) { return turn(info.Env(), false); }
Napi::Value SourceHandle::nextOwned(const Napi::CallbackInfo& info) { return turn(info.Env(), true); }

Napi::Value SourceHandle::turn(Napi::Env env, bool owned) {
  if (!source_) return failed(env, closed("next chunk"));
  if (inPlaceOut()) return failed(env, busy("next chunk"));
  if (!turnstile_.enter()) return failed(env, busy("next chunk"));
  // The turn that follows lets the device overwrite what was lent.
  endLoan();
  auto slot = owned ? nullptr : slots_.free();
  Ref();
  return Runtime::of(env).run<Turn>(
      env, lane_,
      [source = source_, flight = control_->flight, slot] {
        ChunkTimer timer(*flight, ChunkTimer::Device::kFirst);
        auto turn = slot ? source->nextInto(slot->memory) : source->nextOwned();
        timer.half();
        if (!turn)
          timer.failed(turn.failure());
        else if (turn->progress == Progress::kBytes)
          timer.done(turn->bytes.size);
        return turn;
      },
      [this, slot](Napi::Env env, Turn turn) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("progress", nameOf(turn.progress));
        object.Set("data", env.Null());
        if (turn.progress != Progress::kBytes) return object;
        // Closed meanwhile: what was read belongs to nobody.
        if (slot && !source_) return toObject(env, closed("next chunk"));
        auto view = lend(env, turn.bytes, turn.memory);
        if (!view) return toObject(env, view.failure());
        if (slot) {
          loan_.begin(*view);
          const bool inPlace = turn.memory != slot->memory;
          lent_.emplace(Lent{ConstBytes{turn.bytes}, std::move(turn.memory), inPlace ? inPlace_ : slot});
        }
        control_->count(turn.bytes.size);
        object.Set("data", *view);
        return object;
      },
      [this](Napi::Env) {
        turnstile_.leave();
        Unref();
      });
}

void SourceHandle::endLoan() {
  loan_.end();
  lent_.reset();
}

SourceHandle::Taken SourceHandle::take() {
  if (!lent_) return {};
  Lent lent = std::move(*lent_);
  endLoan();
  const bool inPlace = lent.slot == inPlace_;
  return {std::make_shared<TakenChunk>(lent.bytes, std::move(lent.keep), std::move(lent.slot)), inPlace};
}

Napi::Value SourceHandle::release(const Napi::CallbackInfo& info) {
  endLoan();
  return info.Env().Undefined();
}

template <typename Work, typename Settled>
Napi::Value SourceHandle::pump(Napi::Env env, Work work, Settled settled) {
  if (!source_) return failed(env, closed("pump"));
  if (inPlaceOut()) return failed(env, busy("pump"));
  if (!turnstile_.enter()) return failed(env, busy("pump"));
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
  if (!source_ || turnstile_.busy()) {
    over();
    return failed(info.Env(), source_ ? busy("pump to frames") : closed("pump to frames"));
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
  if (!source_ || turnstile_.busy()) {
    over();
    return failed(info.Env(), source_ ? busy("pump to a device") : closed("pump to a device"));
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
  return info.Env().Undefined();
}

Napi::Value SourceHandle::close(const Napi::CallbackInfo& info) {
  cancel(info);
  endLoan();
  return closeOn(info.Env(), *this, lane_, std::move(source_));
}

}  // namespace vfm::binding
