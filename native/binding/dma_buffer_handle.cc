// SPDX-License-Identifier: MIT
#include "binding/dma_buffer_handle.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/mapping_handle.h"
#include "core/data/memory.h"
#include "core/device/mapping.h"

namespace vfm::binding {
namespace {

// A part of trusted memory, seen as a mapping.
class Window final : public Mapping {
 public:
  Window(std::shared_ptr<DmaMemory> memory, uint64_t offset, uint64_t length)
      : Mapping(memory->data() + offset, static_cast<size_t>(length)), memory_(std::move(memory)) {}

 private:
  std::shared_ptr<DmaMemory> memory_;
};

constexpr const char* kAccess = "DMA buffer";

bool inside(const DmaMemory& memory, uint64_t offset, uint64_t length) {
  return length <= memory.size() && offset <= memory.size() - length;
}

Failure outside() { return Failure::because(Reason::kInvalidArgument, kAccess, "outside of the memory"); }

Napi::Value made(Napi::Env env, std::shared_ptr<DmaMemory> memory) {
  return make<DmaBufferHandle>(env, {std::move(memory)});
}

}  // namespace

std::shared_ptr<DmaMemory> dmaMemoryOf(Napi::Env env, Napi::Value value) {
  const Napi::Function type = Runtime::of(env).classOf(DmaBufferHandle::kName).Value();
  if (value.IsObject() && value.As<Napi::Object>().InstanceOf(type)) {
    auto* handle = Napi::ObjectWrap<DmaBufferHandle>::Unwrap(value.As<Napi::Object>());
    if (handle != nullptr && handle->memory()) return handle->memory();
  }
  if (!env.IsExceptionPending()) {
    Napi::TypeError::New(env, "an open DMA buffer is needed").ThrowAsJavaScriptException();
  }
  return nullptr;
}

Napi::Function DmaBufferHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&DmaBufferHandle::size>("size"),
       InstanceAccessor<&DmaBufferHandle::pageSize>("pageSize"),
       InstanceAccessor<&DmaBufferHandle::descriptor>("descriptor"),
       InstanceAccessor<&DmaBufferHandle::trusted>("trusted"),
       InstanceAccessor<&DmaBufferHandle::writable>("writable"),
       InstanceMethod<&DmaBufferHandle::window>("window"), InstanceMethod<&DmaBufferHandle::read>("read"),
       InstanceMethod<&DmaBufferHandle::readInto>("readInto"),
       InstanceMethod<&DmaBufferHandle::write>("write"), InstanceMethod<&DmaBufferHandle::close>("close")});
}

DmaBufferHandle::DmaBufferHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DmaBufferHandle>(info), lane_("vfm:memory") {
  memory_ = takeInit<Init>(info).memory;
  size_ = memory_->size();
}

Napi::Value DmaBufferHandle::size(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), size_);
}

Napi::Value DmaBufferHandle::pageSize(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), memory_ ? static_cast<double>(memory_->pageSize()) : 0);
}

Napi::Value DmaBufferHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), memory_ ? memory_->descriptor() : -1);
}

Napi::Value DmaBufferHandle::trusted(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), memory_ && memory_->trusted());
}

Napi::Value DmaBufferHandle::writable(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), memory_ && memory_->writable());
}

Napi::Value DmaBufferHandle::window(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t offset = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!memory_) return toObject(info.Env(), closed(kAccess));
  if (!inside(*memory_, offset, length)) return toObject(info.Env(), outside());
  // An ArrayBuffer can be written, whatever is behind it.
  if (!memory_->trusted() || !memory_->writable()) {
    return toObject(
        info.Env(),
        Failure::because(Reason::kUnsupported, kAccess,
                         memory_->trusted() ? "the memory is read-only: use read()"
                                            : "its owner can shrink it at any time, which would kill "
                                              "this process: use read() and write()"));
  }
  return make<MappingHandle>(info.Env(),
                             {std::make_shared<Window>(memory_, offset, length), Protection::kReadWrite});
}

Napi::Value DmaBufferHandle::read(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t offset = arguments.wide(0);
  const size_t length = arguments.length(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!memory_) return failed(info.Env(), closed(kAccess));
  if (!inside(*memory_, offset, length)) return failed(info.Env(), outside());
  struct Read {
    std::shared_ptr<Memory> memory;
    size_t length;
  };
  Ref();
  return Runtime::of(info.Env())
      .run<Read>(
          info.Env(), lane_,
          [=, from = memory_]() -> Result<Read> {
            auto memory = Memory::allocate(length);
            if (!memory) return std::move(memory).failure();
            const int error = from->read(offset, Bytes{(*memory)->data(), length});
            if (error != 0) return Failure::system(error, "pread", kAccess);
            return Read{std::move(*memory), length};
          },
          [](Napi::Env env, Read read) -> Napi::Value {
            const Bytes bytes{read.memory->data(), read.length};
            auto view = lend(env, bytes, std::move(read.memory));
            if (!view) return toObject(env, view.failure());
            return *view;
          },
          [this](Napi::Env) { Unref(); });
}

Napi::Value DmaBufferHandle::readInto(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t offset = arguments.wide(0);
  auto room = arguments.bytes(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!memory_) return failed(info.Env(), closed(kAccess));
  if (!inside(*memory_, offset, room.ByteLength())) return failed(info.Env(), outside());
  Pinned pinned = Runtime::of(info.Env()).pin(room);
  const uint64_t pin = pinned.id;
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), lane_,
          [=, from = memory_, pinned = std::move(pinned)]() mutable -> Result<std::nullptr_t> {
            const int error = from->read(offset, pinned.bytes);
            pinned.done();
            if (error != 0) return Failure::system(error, "pread", kAccess);
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); },
          [this, pin](Napi::Env env) {
            Runtime::of(env).unpin(pin);
            Unref();
          });
}

Napi::Value DmaBufferHandle::write(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t offset = arguments.wide(0);
  auto data = arguments.bytes(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!memory_) return failed(info.Env(), closed(kAccess));
  if (!inside(*memory_, offset, data.ByteLength())) return failed(info.Env(), outside());
  Pinned pinned = Runtime::of(info.Env()).pin(data);
  const uint64_t pin = pinned.id;
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), lane_,
          [=, into = memory_, pinned = std::move(pinned)]() mutable -> Result<std::nullptr_t> {
            const int error = into->write(offset, pinned.bytes);
            pinned.done();
            if (error != 0) return Failure::system(error, "pwrite", kAccess);
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); },
          [this, pin](Napi::Env env) {
            Runtime::of(env).unpin(pin);
            Unref();
          });
}

Napi::Value DmaBufferHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(memory_));
}

Napi::Value allocateDmaBuffer(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t size = arguments.wide(0);
  DmaMemoryOptions options;
  options.pageSize = arguments.wide(1);
  options.lock = arguments.flag(2);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");  // zeroing huge pages takes its time
  return Runtime::of(info.Env())
      .run<std::shared_ptr<DmaMemory>>(
          info.Env(), lane, [=] { return DmaMemory::allocate(size, options); }, made);
}

Napi::Value dmaBufferOfDescriptor(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  const uint64_t offset = arguments.wide(1);
  const uint64_t length = arguments.wide(2);
  if (!arguments.ok()) return info.Env().Undefined();
  // At once: the caller may close its descriptor when this returns.
  auto memory = DmaMemory::ofDescriptor(fd, offset, length);
  auto deferred = Napi::Promise::Deferred::New(info.Env());
  deferred.Resolve(memory ? made(info.Env(), std::move(*memory)) : toObject(info.Env(), memory.failure()));
  return deferred.Promise();
}

}  // namespace vfm::binding
