// SPDX-License-Identifier: MIT
#include "binding/chunk_writer_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/source_handle.h"
#include "core/threads/background.h"

namespace vfm::binding {

Result<std::shared_ptr<OpenChunkWriter>> OpenChunkWriter::over(int fd) {
  auto open = std::make_shared<OpenChunkWriter>();
  // Of our own: should the caller close his early, the number may become another file.
  open->fd = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!open->fd) return Failure::system(errno, "fcntl", "F_DUPFD_CLOEXEC " + std::to_string(fd));
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  open->cancellation = std::move(*cancellation);
  auto output = Output::over(open->fd.get());
  if (!output) return std::move(output).failure();
  open->output.emplace(std::move(*output));
  return open;
}

Napi::Function ChunkWriterHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&ChunkWriterHandle::write>("write"),
                      InstanceMethod<&ChunkWriterHandle::cancel>("cancel"),
                      InstanceMethod<&ChunkWriterHandle::close>("close")});
}

Napi::Value ChunkWriterHandle::openOver(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto open = OpenChunkWriter::over(fd);
  if (!open) return toObject(info.Env(), open.failure());
  return make<ChunkWriterHandle>(info.Env(), Init{std::move(*open)});
}

ChunkWriterHandle::ChunkWriterHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ChunkWriterHandle>(info), lane_("vfm:chunks") {
  open_ = takeInit<Init>(info).open;
  cancellation_ = open_->cancellation;
}

Napi::Value ChunkWriterHandle::write(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  const Napi::Object source = arguments.object(0);
  if (!arguments.ok()) return env.Undefined();
  if (!open_) return toObject(env, closed("write of a chunk"));
  SourceHandle::Taken taken = SourceHandle::Unwrap(source)->take();
  if (!taken.chunk) {
    return toObject(env, Failure::because(Reason::kClosed, "write of a chunk",
                                          "it is no longer lent: the save went on, or ended"));
  }
  Ref();
  Napi::Object object = Napi::Object::New(env);
  object.Set("inPlace", taken.inPlace);
  object.Set("written",
             Runtime::of(env).run<std::nullptr_t>(
                 env, lane_,
                 [open = open_, chunk = std::move(taken.chunk)]() -> Result<std::nullptr_t> {
                   const Background background;
                   if (!open->failed) {
                     Status written = open->output->writeAll(chunk->bytes, *open->cancellation);
                     if (!written) open->failed = written.failure();
                   }
                   if (open->failed) return Failure(*open->failed);
                   return nullptr;
                 },
                 [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); }));
  return object;
}

Napi::Value ChunkWriterHandle::cancel(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return info.Env().Undefined();
}

Napi::Value ChunkWriterHandle::close(const Napi::CallbackInfo& info) {
  cancellation_->cancel();
  return closeOn(info.Env(), *this, lane_, std::move(open_));
}

}  // namespace vfm::binding
