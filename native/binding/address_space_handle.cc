// SPDX-License-Identifier: MIT
#include "binding/address_space_handle.h"

#include "binding/arguments.h"
#include "binding/dma_buffer_handle.h"
#include "binding/ioas_handle.h"
#include "binding/iova_values.h"
#include "binding/lent_memory.h"
#include "core/data/memory.h"
#include "core/dma/address_table.h"
#include "core/dma/iova_allocator.h"
#include "core/kernel/ioas.h"

namespace vfm::binding {
namespace {

constexpr const char* kMap = "map of an address space";
constexpr const char* kUnmap = "unmap of an address space";

Napi::Value rangesToArray(Napi::Env env, const std::vector<IovaRange>& ranges) {
  Napi::Array array = Napi::Array::New(env, ranges.size());
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    Napi::Object range = Napi::Object::New(env);
    range.Set("first", Napi::BigInt::New(env, ranges[i].first));
    range.Set("last", Napi::BigInt::New(env, ranges[i].last));
    array.Set(i, range);
  }
  return array;
}

Napi::Value infoToObject(Napi::Env env, const AddressSpaceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pageSizes", Napi::BigInt::New(env, info.pageSizes));
  object.Set("ranges", rangesToArray(env, info.ranges));
  object.Set("mappings", info.mappings ? Napi::Value(Napi::BigInt::New(env, *info.mappings)) : env.Null());
  object.Set("dirtyPageSizes", Napi::BigInt::New(env, info.dirtyPageSizes));
  object.Set("largestDirtyBitmap", Napi::BigInt::New(env, info.largestDirtyBitmap));
  return object;
}

}  // namespace

std::shared_ptr<AddressSpace> addressSpaceOf(Napi::Env env, Napi::Value value) {
  const Napi::Function type = Runtime::of(env).classOf(AddressSpaceHandle::kName).Value();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(type)) return ioasOf(env, value);
  auto* handle = Napi::ObjectWrap<AddressSpaceHandle>::Unwrap(value.As<Napi::Object>());
  if (handle != nullptr && handle->space()) return handle->space();
  Napi::TypeError::New(env, "an open address space is needed").ThrowAsJavaScriptException();
  return nullptr;
}

Napi::Function AddressSpaceHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&AddressSpaceHandle::kind>("kind"),
       InstanceAccessor<&AddressSpaceHandle::inSoftware>("inSoftware"),
       InstanceMethod<&AddressSpaceHandle::describe>("info"), InstanceMethod<&AddressSpaceHandle::map>("map"),
       InstanceMethod<&AddressSpaceHandle::unmap>("unmap"),
       InstanceMethod<&AddressSpaceHandle::unmapAll>("unmapAll"),
       InstanceMethod<&AddressSpaceHandle::mapped>("mapped"),
       InstanceMethod<&AddressSpaceHandle::read>("read"), InstanceMethod<&AddressSpaceHandle::write>("write"),
       InstanceMethod<&AddressSpaceHandle::startDirtyTracking>("startDirtyTracking"),
       InstanceMethod<&AddressSpaceHandle::reportDirty>("reportDirty"),
       InstanceMethod<&AddressSpaceHandle::stopDirtyTracking>("stopDirtyTracking"),
       InstanceMethod<&AddressSpaceHandle::isSameAs>("isSameAs"),
       InstanceMethod<&AddressSpaceHandle::close>("close")});
}

AddressSpaceHandle::AddressSpaceHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<AddressSpaceHandle>(info), lane_("vfm:dma") {
  space_ = takeInit<Init>(info).space;
}

template <typename T, typename Work, typename Convert>
Napi::Value AddressSpaceHandle::call(Napi::Env env, const char* what, Work work, Convert convert,
                                     uint64_t pin) {
  if (!space_) {
    if (pin != 0) Runtime::of(env).unpin(pin);
    return failed(env, closed(what));
  }
  Ref();
  return Runtime::of(env).run<T>(
      env, lane_, [space = space_, work = std::move(work)]() mutable { return work(*space); },
      std::move(convert),
      [this, pin](Napi::Env env) {
        if (pin != 0) Runtime::of(env).unpin(pin);
        Unref();
      });
}

template <typename Work>
Napi::Value AddressSpaceHandle::callForStatus(Napi::Env env, const char* what, Work work, uint64_t pin) {
  return call<std::nullptr_t>(
      env, what,
      [work = std::move(work)](AddressSpace& space) mutable -> Result<std::nullptr_t> {
        Status status = work(space);
        if (!status) return std::move(status).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); }, pin);
}

Napi::Value AddressSpaceHandle::kind(const Napi::CallbackInfo& info) {
  const char* kind = !space_ || space_->table() != nullptr ? "table"
                     : kernel::Ioas::of(space_)            ? "ioas"
                                                           : "type1";
  return Napi::String::New(info.Env(), kind);
}

Napi::Value AddressSpaceHandle::inSoftware(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), space_ && space_->inSoftware());
}

Napi::Value AddressSpaceHandle::describe(const Napi::CallbackInfo& info) {
  return call<AddressSpaceInfo>(
      info.Env(), "info of an address space", [](AddressSpace& space) { return space.info(); },
      [](Napi::Env env, const AddressSpaceInfo& found) { return infoToObject(env, found); });
}

Napi::Value AddressSpaceHandle::map(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t offset = arguments.wide(1);
  const uint64_t length = arguments.wide(2);
  const bool anywhere = info[3].IsNull();
  const uint64_t iova = anywhere ? 0 : arguments.wide(3);
  const uint64_t highest = arguments.wide(4);
  const Protection protection = protectionOf(arguments.text(5));
  if (!arguments.ok()) return info.Env().Undefined();
  DmaSlice slice{dmaMemoryOf(info.Env(), info[0]), offset, length};
  if (!slice.memory) return info.Env().Undefined();
  return call<uint64_t>(
      info.Env(), kMap,
      [=, slice = std::move(slice)](AddressSpace& space) -> Result<uint64_t> {
        if (anywhere) return mapAnywhere(space, slice, protection, highest);
        Status mapped = space.map(iova, slice, protection);
        if (!mapped) return std::move(mapped).failure();
        return iova;
      },
      [](Napi::Env env, uint64_t at) -> Napi::Value { return Napi::BigInt::New(env, at); });
}

Napi::Value AddressSpaceHandle::unmap(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t size = arguments.wide(1);
  const uint64_t dirtyPage = arguments.wide(2);
  if (!arguments.ok()) return info.Env().Undefined();
  struct Unmapped {
    uint64_t bytes;
    std::shared_ptr<DirtyBitmap> dirty;
  };
  return call<Unmapped>(
      info.Env(), kUnmap,
      [=](AddressSpace& space) -> Result<Unmapped> {
        std::shared_ptr<DirtyBitmap> dirty;
        if (dirtyPage != 0) {
          auto bitmap = DirtyBitmap::create(iova, size, dirtyPage);
          if (!bitmap) return std::move(bitmap).failure();
          dirty = std::move(*bitmap);
        }
        auto bytes = space.unmap(iova, size, dirty.get());
        if (!bytes) return std::move(bytes).failure();
        return Unmapped{*bytes, std::move(dirty)};
      },
      [](Napi::Env env, const Unmapped& unmapped) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("bytes", Napi::BigInt::New(env, unmapped.bytes));
        object.Set("dirty", unmapped.dirty ? toBuffer(env, unmapped.dirty) : env.Null());
        return object;
      });
}

Napi::Value AddressSpaceHandle::unmapAll(const Napi::CallbackInfo& info) {
  return call<uint64_t>(
      info.Env(), kUnmap, [](AddressSpace& space) { return space.unmapAll(); },
      [](Napi::Env env, uint64_t bytes) -> Napi::Value { return Napi::BigInt::New(env, bytes); });
}

Napi::Value AddressSpaceHandle::mapped(const Napi::CallbackInfo& info) {
  using Ranges = std::vector<IovaRange>;
  return call<Ranges>(
      info.Env(), kMap, [](AddressSpace& space) -> Result<Ranges> { return space.mapped(); },
      [](Napi::Env env, const Ranges& ranges) { return rangesToArray(env, ranges); });
}

Napi::Value AddressSpaceHandle::read(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const size_t length = arguments.length(1);
  if (!arguments.ok()) return info.Env().Undefined();
  struct Read {
    std::shared_ptr<Memory> memory;
    size_t length;
  };
  return call<Read>(
      info.Env(), "read of an address space",
      [=](AddressSpace& space) -> Result<Read> {
        auto memory = Memory::allocate(length);
        if (!memory) return std::move(memory).failure();
        Status done = space.read(iova, Bytes{(*memory)->data(), length});
        if (!done) return std::move(done).failure();
        return Read{std::move(*memory), length};
      },
      [](Napi::Env env, Read read) -> Napi::Value {
        const Bytes bytes{read.memory->data(), read.length};
        auto view = lend(env, bytes, std::move(read.memory));
        if (!view) return toObject(env, view.failure());
        return *view;
      });
}

Napi::Value AddressSpaceHandle::write(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  auto data = arguments.bytes(1);
  if (!arguments.ok()) return info.Env().Undefined();
  Pinned pinned = Runtime::of(info.Env()).pin(data);
  const uint64_t pin = pinned.id;
  if (!space_) pinned.done();
  return callForStatus(
      info.Env(), "write of an address space",
      [=, pinned = std::move(pinned)](AddressSpace& space) mutable {
        Status done = space.write(iova, pinned.bytes);
        pinned.done();
        return done;
      },
      pin);
}

Napi::Value AddressSpaceHandle::startDirtyTracking(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), "start of dirty tracking",
                       [](AddressSpace& space) { return space.startDirtyTracking(); });
}

Napi::Value AddressSpaceHandle::reportDirty(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  const uint64_t pageSize = arguments.wide(2);
  if (!arguments.ok()) return info.Env().Undefined();
  using Reported = std::shared_ptr<DirtyBitmap>;
  return call<Reported>(
      info.Env(), "report of dirty pages",
      [=](AddressSpace& space) -> Result<Reported> {
        auto bitmap = DirtyBitmap::create(iova, length, pageSize);
        if (!bitmap) return bitmap;
        if (Status reported = space.reportDirty(**bitmap); !reported) return std::move(reported).failure();
        return bitmap;
      },
      [](Napi::Env env, const Reported& bitmap) { return toBuffer(env, bitmap); });
}

Napi::Value AddressSpaceHandle::stopDirtyTracking(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), "stop of dirty tracking",
                       [](AddressSpace& space) { return space.stopDirtyTracking(); });
}

// Handles come and go, the address space of a container is one.
Napi::Value AddressSpaceHandle::isSameAs(const Napi::CallbackInfo& info) {
  auto other = addressSpaceOf(info.Env(), info[0]);
  if (!other) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), space_ == other);
}

Napi::Value AddressSpaceHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(space_));
}

Napi::Value createAddressTable(const Napi::CallbackInfo& info) {
  return make<AddressSpaceHandle>(info.Env(), {std::make_shared<AddressTable>()});
}

}  // namespace vfm::binding
