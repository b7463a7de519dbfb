// SPDX-License-Identifier: MIT
#include "binding/sink_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/frame_reader_handle.h"
#include "binding/pump_values.h"

namespace vfm::binding {

Napi::Function SinkHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&SinkHandle::write>("write"), InstanceMethod<&SinkHandle::pumpFromFd>("pumpFromFd"),
       InstanceMethod<&SinkHandle::pumpFromFrames>("pumpFromFrames"),
       InstanceMethod<&SinkHandle::counters>("counters"), InstanceMethod<&SinkHandle::record>("record"),
       InstanceMethod<&SinkHandle::takeRecords>("takeRecords"), InstanceMethod<&SinkHandle::cancel>("cancel"),
       InstanceMethod<&SinkHandle::close>("close")});
}

SinkHandle::SinkHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SinkHandle>(info), lane_("vfm:load") {
  Init init = takeInit<Init>(info);
  sink_ = std::move(init.sink);
  cancellation_ = std::move(init.cancellation);
  sink_->noteIn(control_->flight);
  piece_ = init.piece;
}

Napi::Value SinkHandle::write(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto data = arguments.bytes(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!sink_) return failed(info.Env(), closed("write of a chunk"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("write of a chunk"));
  Runtime& runtime = Runtime::of(info.Env());
  Pinned pinned = runtime.pin(data);
  const uint64_t pin = pinned.id;
  Ref();
  return runtime.run<std::nullptr_t>(
      info.Env(), lane_,
      [sink = sink_, control = control_, pinned = std::move(pinned)]() mutable -> Result<std::nullptr_t> {
        ChunkTimer timer(*control->flight, ChunkTimer::Device::kLast);
        timer.half();
        Status taken = sink->put(pinned.bytes);
        pinned.done();
        if (!taken) {
          timer.failed(taken.failure());
          return std::move(taken).failure();
        }
        timer.done(pinned.bytes.size);
        control->count(pinned.bytes.size);
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); },
      [this, pin](Napi::Env env) {
        Runtime::of(env).unpin(pin);
        turnstile_.leave();
        Unref();
      });
}

Napi::Value SinkHandle::pumpFromFd(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int borrowed = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!sink_) return failed(info.Env(), closed("load from a descriptor"));
  UniqueFd fd(::fcntl(borrowed, F_DUPFD_CLOEXEC, 3));
  if (!fd)
    return failed(info.Env(), Failure::system(errno, "fcntl", "F_DUPFD_CLOEXEC " + std::to_string(borrowed)));
  if (!turnstile_.enter()) return failed(info.Env(), busy("load from a descriptor"));
  Ref();
  return Runtime::of(info.Env())
      .run<Pumped>(
          info.Env(), lane_,
          [sink = sink_, control = control_, cancellation = cancellation_, piece = piece_,
           fd = std::make_shared<UniqueFd>(std::move(fd))]() -> Result<Pumped> {
            auto input = Input::over(fd->get());
            if (!input) return std::move(input).failure();
            return pumpFromInput(*input, *sink, piece, *cancellation, *control);
          },
          [](Napi::Env env, const Pumped& pumped) -> Napi::Value { return toObject(env, pumped); },
          [this](Napi::Env) {
            turnstile_.leave();
            Unref();
          });
}

Napi::Value SinkHandle::pumpFromFrames(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Object object = arguments.object(0);
  const uint32_t section = arguments.number(1);
  if (!arguments.ok()) return info.Env().Undefined();
  FrameReaderHandle* reader = FrameReaderHandle::Unwrap(object);
  if (!sink_ || !reader->open()) return failed(info.Env(), closed("load from frames"));
  if (turnstile_.busy() || !reader->turnstile().enter()) return failed(info.Env(), busy("load from frames"));
  turnstile_.enter();
  Ref();
  reader->Ref();
  return Runtime::of(info.Env())
      .run<Pumped>(
          info.Env(), lane_,
          [sink = sink_, control = control_, open = reader->open(), section] {
            return vfm::pumpFromFrames(open->frames, section, *sink, *control);
          },
          [](Napi::Env env, const Pumped& pumped) -> Napi::Value { return toObject(env, pumped); },
          [this, reader](Napi::Env) {
            reader->turnstile().leave();
            reader->Unref();
            turnstile_.leave();
            Unref();
          });
}

Napi::Value SinkHandle::counters(const Napi::CallbackInfo& info) { return toObject(info.Env(), *control_); }

Napi::Value SinkHandle::record(const Napi::CallbackInfo& info) {
  return setRecording(info, *control_->flight);
}

Napi::Value SinkHandle::takeRecords(const Napi::CallbackInfo& info) {
  return binding::takeRecords(info.Env(), *control_->flight);
}

Napi::Value SinkHandle::cancel(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  if (sink_) sink_->cancel();
  return info.Env().Undefined();
}

Napi::Value SinkHandle::close(const Napi::CallbackInfo& info) {
  cancel(info);
  return closeOn(info.Env(), *this, lane_, std::move(sink_));
}

}  // namespace vfm::binding
