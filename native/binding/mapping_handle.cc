// SPDX-License-Identifier: MIT
#include "binding/mapping_handle.h"

#include "binding/arguments.h"
#include "core/device/mapped_access.h"

namespace vfm::binding {

Napi::Function MappingHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&MappingHandle::size>("size"), InstanceMethod<&MappingHandle::buffer>("buffer"),
       InstanceMethod<&MappingHandle::read>("read"), InstanceMethod<&MappingHandle::write>("write"),
       InstanceMethod<&MappingHandle::close>("close")});
}

MappingHandle::MappingHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MappingHandle>(info) {
  Init init = takeInit<Init>(info);
  mapping_ = std::move(init.mapping);
  protection_ = init.protection;
  size_ = mapping_->size();
}

Napi::Value MappingHandle::size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(size_));
}

Napi::Value MappingHandle::buffer(const Napi::CallbackInfo& info) {
  if (!buffer_.IsEmpty()) return buffer_.Value();
  if (!mapping_) return Napi::ArrayBuffer::New(info.Env(), 0);
  auto view = lend(info.Env(), Bytes{mapping_->data(), mapping_->size()}, mapping_);
  if (!view) {
    Napi::Error::New(info.Env(), view.failure().detail).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  // Held strongly: the device may be looked at through it at any time until close().
  buffer_ = Napi::Persistent(*view);
  return *view;
}

bool MappingHandle::allows(Protection what) const {
  return (static_cast<uint8_t>(protection_) & static_cast<uint8_t>(what)) != 0;
}

Napi::Value MappingHandle::read(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t offset = arguments.length(0);
  const uint32_t width = arguments.number(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!mapping_) return toObject(info.Env(), closed("access to a mapping"));
  if (!allows(Protection::kRead)) {
    return toObject(info.Env(), Failure::because(Reason::kUnsupported, "access to a mapping",
                                                 "it was mapped for writing alone"));
  }
  auto value = loadMapped(*mapping_, offset, width);
  if (!value) return toObject(info.Env(), value.failure());
  if (width == 8) return Napi::BigInt::New(info.Env(), *value);
  return Napi::Number::New(info.Env(), static_cast<double>(*value));
}

Napi::Value MappingHandle::write(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t offset = arguments.length(0);
  const uint32_t width = arguments.number(1);
  const uint64_t value = width == 8 ? arguments.wide(2) : arguments.number(2);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!mapping_) return toObject(info.Env(), closed("access to a mapping"));
  if (!allows(Protection::kWrite)) {
    return toObject(info.Env(), Failure::because(Reason::kUnsupported, "access to a mapping",
                                                 "it was mapped for reading alone"));
  }
  Status done = storeMapped(*mapping_, offset, width, value);
  if (!done) return toObject(info.Env(), done.failure());
  return info.Env().Null();
}

Napi::Value MappingHandle::close(const Napi::CallbackInfo& info) {
  if (!buffer_.IsEmpty()) {
    Napi::ArrayBuffer view = buffer_.Value();
    if (!view.IsDetached()) view.Detach();
    buffer_.Reset();
  }
  // What is lent holds a share until its finalizer runs, one turn from now; unmapping comes with the last
  // share.
  mapping_.reset();
  auto deferred = Napi::Promise::Deferred::New(info.Env());
  deferred.Resolve(info.Env().Null());
  return deferred.Promise();
}

}  // namespace vfm::binding
