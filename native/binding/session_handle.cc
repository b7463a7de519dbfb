// SPDX-License-Identifier: MIT
#include "binding/session_handle.h"

#include <algorithm>

#include "binding/arguments.h"
#include "binding/sink_handle.h"
#include "binding/source_handle.h"
#include "core/data/session_sink.h"
#include "core/data/session_source.h"

namespace vfm::binding {
namespace {

// Whatever a caller or an estimate says: never nothing, never unbounded.
size_t bounded(size_t bufferSize) {
  return std::clamp<size_t>(bufferSize, size_t{4} << 10, size_t{64} << 20);
}

}  // namespace

Napi::Function SessionHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&SessionHandle::descriptor>("descriptor"),
       InstanceMethod<&SessionHandle::precopyInfo>("precopyInfo"),
       InstanceMethod<&SessionHandle::source>("source"), InstanceMethod<&SessionHandle::sink>("sink"),
       InstanceMethod<&SessionHandle::close>("close")});
}

SessionHandle::SessionHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SessionHandle>(info), lane_("vfm:session") {
  session_ = takeInit<Init>(info).session;
}

Napi::Value SessionHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), session_ ? session_->descriptor() : -1);
}

Napi::Value SessionHandle::precopyInfo(const Napi::CallbackInfo& info) {
  if (!session_) return failed(info.Env(), closed("VFIO_MIG_GET_PRECOPY_INFO"));
  Ref();
  return Runtime::of(info.Env())
      .run<PrecopyInfo>(
          info.Env(), lane_, [session = session_] { return session->precopyInfo(); },
          [](Napi::Env env, const PrecopyInfo& precopy) -> Napi::Value {
            Napi::Object object = Napi::Object::New(env);
            object.Set("flags", precopy.flags);
            object.Set("initialBytes", Napi::BigInt::New(env, precopy.initialBytes));
            object.Set("dirtyBytes", Napi::BigInt::New(env, precopy.dirtyBytes));
            return object;
          },
          [this](Napi::Env) { Unref(); });
}

bool SessionHandle::takeData(Napi::Env env) {
  if (!session_ || taken_) {
    Napi::Error::New(env, session_ ? "the session's data was taken already" : "the session is closed")
        .ThrowAsJavaScriptException();
    return false;
  }
  taken_ = true;
  return true;
}

Napi::Value SessionHandle::source(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t bufferSize = bounded(arguments.length(0));
  if (!arguments.ok() || !takeData(info.Env())) return info.Env().Undefined();
  auto cancellation = Cancellation::create();
  if (!cancellation) {
    Napi::Error::New(info.Env(), "eventfd: too many open descriptors").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return make<SourceHandle>(
      info.Env(), {std::make_shared<SessionSource>(session_, bufferSize), std::move(*cancellation)});
}

Napi::Value SessionHandle::sink(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t bufferSize = bounded(arguments.length(0));
  if (!arguments.ok() || !takeData(info.Env())) return info.Env().Undefined();
  auto cancellation = Cancellation::create();
  if (!cancellation) {
    Napi::Error::New(info.Env(), "eventfd: too many open descriptors").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return make<SinkHandle>(info.Env(),
                          {std::make_shared<SessionSink>(session_), std::move(*cancellation), bufferSize});
}

Napi::Value SessionHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(session_));
}

}  // namespace vfm::binding
