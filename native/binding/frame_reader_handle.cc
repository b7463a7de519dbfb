// SPDX-License-Identifier: MIT
#include "binding/frame_reader_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/lent_memory.h"
#include "binding/pump_values.h"
#include "binding/stream_options.h"
#include "core/data/memory.h"

namespace vfm::binding {
namespace {

struct ReadFrame {
  FrameHeader header;
  std::shared_ptr<Memory> payload;  // of a control frame
};

// A control frame whole, a data frame's header only; nothing once the end record was right.
Result<std::optional<ReadFrame>> readFrame(OpenFrameReader& open) {
  if (open.reader.finished()) return std::optional<ReadFrame>();
  auto header = open.frames.peek();
  if (!header) return std::move(header).failure();
  ReadFrame frame{*header, nullptr};
  if (header->is(FrameType::kEnd)) {
    open.frames.take();
    return std::optional<ReadFrame>();
  }
  if (header->is(FrameType::kData)) return std::optional<ReadFrame>(std::move(frame));
  auto memory = Memory::allocate(static_cast<size_t>(header->length));
  if (!memory) return std::move(memory).failure();
  if (Status read =
          open.frames.take().readPayload(Bytes{(*memory)->data(), static_cast<size_t>(header->length)});
      !read) {
    return std::move(read).failure();
  }
  frame.payload = std::move(*memory);
  return std::optional<ReadFrame>(std::move(frame));
}

// The next frame, and control frames behind it that are there already. What fails behind the first one fails
// again in the next call.
Result<std::vector<std::optional<ReadFrame>>> readFrames(OpenFrameReader& open, size_t most) {
  std::vector<std::optional<ReadFrame>> frames;
  for (;;) {
    auto frame = readFrame(open);
    if (!frame) {
      if (frames.empty()) return std::move(frame).failure();
      return frames;
    }
    const bool data = frame->has_value() && (*frame)->header.is(FrameType::kData);
    if (data && !frames.empty()) return frames;  // it stays the next one
    frames.push_back(std::move(*frame));
    const bool end = !frames.back().has_value();
    if (data || end || frames.size() >= most || !open.input.ready()) return frames;
  }
}

Result<Napi::Value> toValue(Napi::Env env, std::optional<ReadFrame> frame) {
  if (!frame) return Napi::Value(env.Null());
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", frame->header.type);
  object.Set("flags", frame->header.flags);
  object.Set("section", frame->header.section);
  object.Set("length", static_cast<double>(frame->header.length));
  object.Set("payload", env.Null());
  if (frame->payload) {
    const Bytes bytes{frame->payload->data(), static_cast<size_t>(frame->header.length)};
    auto view = lend(env, bytes, std::move(frame->payload));
    if (!view) return std::move(view).failure();
    object.Set("payload", *view);
  }
  return Napi::Value(object);
}

struct ReadData {
  std::shared_ptr<Memory> payload;
  size_t length = 0;
};

// The next frame's payload, if it is data of the section; the frame stays the next one if it is not. The
// reader has compared its length with what it accepts.
Result<std::optional<ReadData>> readData(OpenFrameReader& open, uint32_t section) {
  if (open.reader.finished()) return std::optional<ReadData>();
  auto header = open.frames.peek();
  if (!header) return std::move(header).failure();
  if (!header->is(FrameType::kData) || header->section != section) return std::optional<ReadData>();
  const auto length = static_cast<size_t>(header->length);
  auto memory = Memory::allocate(length);
  if (!memory) return std::move(memory).failure();
  if (Status read = open.frames.take().readPayload(Bytes{(*memory)->data(), length}); !read) {
    return std::move(read).failure();
  }
  return std::optional<ReadData>(ReadData{std::move(*memory), length});
}

}  // namespace

Napi::Function FrameReaderHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&FrameReaderHandle::next>("next"),
                      InstanceMethod<&FrameReaderHandle::readData>("readData"),
                      InstanceMethod<&FrameReaderHandle::skipData>("skipData"),
                      InstanceMethod<&FrameReaderHandle::totals>("totals"),
                      InstanceMethod<&FrameReaderHandle::cancel>("cancel"),
                      InstanceMethod<&FrameReaderHandle::close>("close")});
}

Napi::Value FrameReaderHandle::openOver(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int borrowed = arguments.integer(0);
  const Napi::Object object = arguments.object(1);
  if (!arguments.ok()) return info.Env().Undefined();
  UniqueFd fd(::fcntl(borrowed, F_DUPFD_CLOEXEC, 3));
  if (!fd)
    return toObject(info.Env(),
                    Failure::system(errno, "fcntl", "F_DUPFD_CLOEXEC " + std::to_string(borrowed)));
  auto cancellation = Cancellation::create();
  if (!cancellation) return toObject(info.Env(), cancellation.failure());
  auto input = Input::over(fd.get());
  if (!input) return toObject(info.Env(), input.failure());
  return make<FrameReaderHandle>(
      info.Env(), Init{std::make_shared<OpenFrameReader>(std::move(fd), std::move(*input),
                                                         std::move(*cancellation), readerOptions(object))});
}

FrameReaderHandle::FrameReaderHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<FrameReaderHandle>(info), lane_("vfm:read") {
  open_ = takeInit<Init>(info).open;
  cancellation_ = open_->cancellation;
}

Napi::Value FrameReaderHandle::next(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t most = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!open_) return failed(info.Env(), closed("read of a frame"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("read of a frame"));
  Ref();
  using Frames = std::vector<std::optional<ReadFrame>>;
  return Runtime::of(info.Env())
      .run<Frames>(
          info.Env(), lane_, [open = open_, most] { return readFrames(*open, most); },
          [](Napi::Env env, Frames frames) -> Napi::Value {
            Napi::Array array = Napi::Array::New(env, frames.size());
            for (uint32_t i = 0; i < frames.size(); ++i) {
              auto value = toValue(env, std::move(frames[i]));
              if (!value) return toObject(env, value.failure());
              array.Set(i, *value);
            }
            return array;
          },
          [this](Napi::Env) {
            turnstile_.leave();
            Unref();
          });
}

Napi::Value FrameReaderHandle::readData(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t section = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!open_) return failed(info.Env(), closed("read of data"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("read of data"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::optional<ReadData>>(
          info.Env(), lane_, [open = open_, section] { return vfm::binding::readData(*open, section); },
          [](Napi::Env env, std::optional<ReadData> data) -> Napi::Value {
            if (!data) return env.Null();
            const Bytes bytes{data->payload->data(), data->length};
            auto view = lend(env, bytes, std::move(data->payload));
            if (!view) return toObject(env, view.failure());
            return *view;
          },
          [this](Napi::Env) {
            turnstile_.leave();
            Unref();
          });
}

Napi::Value FrameReaderHandle::skipData(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t section = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!open_) return failed(info.Env(), closed("check of frames"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("check of frames"));
  Ref();
  return Runtime::of(info.Env())
      .run<Pumped>(
          info.Env(), lane_,
          [open = open_, section] { return skipFrames(open->frames, section, open->control); },
          [](Napi::Env env, const Pumped& pumped) -> Napi::Value { return toObject(env, pumped); },
          [this](Napi::Env) {
            turnstile_.leave();
            Unref();
          });
}

// While a pump runs only its payload is known; the rest is exact in between.
Napi::Value FrameReaderHandle::totals(const Napi::CallbackInfo& info) {
  return toObject(info.Env(), open_ && !turnstile_.busy() ? open_->reader.counters() : StreamCounters{});
}

Napi::Value FrameReaderHandle::cancel(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return info.Env().Undefined();
}

Napi::Value FrameReaderHandle::close(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return closeOn(info.Env(), *this, lane_, std::move(open_));
}

}  // namespace vfm::binding
