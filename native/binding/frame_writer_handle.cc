// SPDX-License-Identifier: MIT
#include "binding/frame_writer_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/rate_limit_handle.h"
#include "binding/stream_options.h"

namespace vfm::binding {
namespace {

struct ControlFrame {
  FrameType type;
  uint32_t section;
  std::vector<uint8_t> payload;  // small by the format's own limit: a copy is cheaper than a pin
};

std::optional<ControlFrame> controlFrame(const Napi::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const Napi::Object object = value.As<Napi::Object>();
  const Napi::Value type = object.Get("type");
  const Napi::Value section = object.Get("section");
  const Napi::Value payload = object.Get("payload");
  if (!type.IsNumber() || !section.IsNumber() || !payload.IsTypedArray() ||
      payload.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    return std::nullopt;
  const auto view = payload.As<Napi::Uint8Array>();
  return ControlFrame{static_cast<FrameType>(type.As<Napi::Number>().Uint32Value()),
                      section.As<Napi::Number>().Uint32Value(),
                      {view.Data(), view.Data() + view.ByteLength()}};
}

}  // namespace

Result<std::shared_ptr<OpenFrameWriter>> OpenFrameWriter::over(int fd, WriterOptions options) {
  auto open = std::make_shared<OpenFrameWriter>();
  // Of our own: should the caller close his early, the number may become another file.
  open->fd = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!open->fd) return Failure::system(errno, "fcntl", "F_DUPFD_CLOEXEC " + std::to_string(fd));
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  open->cancellation = std::move(*cancellation);
  auto output = Output::over(open->fd.get());
  if (!output) return std::move(output).failure();
  open->output.emplace(std::move(*output));
  auto writer = FrameWriter::over(*open->output, *open->cancellation, std::move(options));
  if (!writer) return std::move(writer).failure();
  open->writer.emplace(std::move(*writer));
  return open;
}

Napi::Function FrameWriterHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&FrameWriterHandle::writeControls>("writeControls"),
                      InstanceMethod<&FrameWriterHandle::writeData>("writeData"),
                      InstanceMethod<&FrameWriterHandle::totals>("totals"),
                      InstanceMethod<&FrameWriterHandle::cancel>("cancel"),
                      InstanceMethod<&FrameWriterHandle::close>("close")});
}

Napi::Value FrameWriterHandle::openOver(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  const Napi::Object object = arguments.object(1);
  if (!arguments.ok()) return info.Env().Undefined();
  auto open = OpenFrameWriter::over(fd, writerOptions(object));
  if (!open) return toObject(info.Env(), open.failure());
  return make<FrameWriterHandle>(info.Env(), Init{std::move(*open)});
}

FrameWriterHandle::FrameWriterHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<FrameWriterHandle>(info), lane_("vfm:write") {
  open_ = takeInit<Init>(info).open;
  cancellation_ = open_->cancellation;
}

void FrameWriterHandle::takeTotals() {
  if (open_) totals_ = open_->writer->counters();
}

// One piece of work on the writer's lane; `pin` is what it reads of JavaScript's memory, 0 for nothing.
template <typename Work>
Napi::Value FrameWriterHandle::write(Napi::Env env, Work work, uint64_t pin) {
  Ref();
  return Runtime::of(env).run<std::nullptr_t>(
      env, lane_,
      [open = open_, work = std::move(work)]() mutable -> Result<std::nullptr_t> {
        Status written = work(*open->writer);
        if (!written) return std::move(written).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); },
      [this, pin](Napi::Env env) {
        if (pin != 0) Runtime::of(env).unpin(pin);
        takeTotals();
        turnstile_.leave();
        Unref();
      });
}

Napi::Value FrameWriterHandle::writeControls(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Array given = arguments.array(0);
  const bool end = arguments.flag(1);
  if (!arguments.ok()) return info.Env().Undefined();
  std::vector<ControlFrame> frames;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    auto frame = controlFrame(given.Get(i));
    if (!frame) {
      Napi::TypeError::New(info.Env(), "a control frame has a type, a section and a payload")
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    frames.push_back(std::move(*frame));
  }
  if (!open_) return failed(info.Env(), closed("write of a frame"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("write of a frame"));
  return write(
      info.Env(),
      [frames = std::move(frames), end](FrameWriter& writer) {
        for (const auto& [type, section, payload] : frames) {
          if (Status written = writer.writeControl(type, section, ConstBytes{payload.data(), payload.size()});
              !written)
            return written;
        }
        return end ? writer.finish() : Status::success();
      },
      0);
}

Napi::Value FrameWriterHandle::writeData(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t section = arguments.number(0);
  auto view = arguments.bytes(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!open_) return failed(info.Env(), closed("write of a frame"));
  if (!turnstile_.enter()) return failed(info.Env(), busy("write of a frame"));
  Pinned pinned = Runtime::of(info.Env()).pin(view);
  const uint64_t pin = pinned.id;
  return write(
      info.Env(),
      [section, pinned = std::move(pinned), limit = RateLimitHandle::of(info[2]),
       cancellation = cancellation_](FrameWriter& writer) mutable {
        static const std::atomic<bool> never{false};
        Status written = limit ? limit->admit(*cancellation, never) : Status::success();
        if (written) written = writer.writeData(section, pinned.bytes);
        if (written && limit) limit->pay(pinned.bytes.size);
        pinned.done();
        return written;
      },
      pin);
}

Napi::Value FrameWriterHandle::totals(const Napi::CallbackInfo& info) {
  return toObject(info.Env(), totals_);
}

Napi::Value FrameWriterHandle::cancel(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return info.Env().Undefined();
}

Napi::Value FrameWriterHandle::close(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return closeOn(info.Env(), *this, lane_, std::move(open_));
}

}  // namespace vfm::binding
