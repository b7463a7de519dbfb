// SPDX-License-Identifier: MIT
#include "binding/mapping_handle.h"

namespace vfm::binding {

Napi::Function MappingHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&MappingHandle::size>("size"), InstanceMethod<&MappingHandle::buffer>("buffer"),
       InstanceMethod<&MappingHandle::close>("close")});
}

MappingHandle::MappingHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MappingHandle>(info) {
  mapping_ = takeInit<Init>(info).mapping;
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
