// SPDX-License-Identifier: MIT
#include "binding/server_handle.h"

namespace vfm::binding {
namespace {

const char* kindName(vfio_user::ServerEvent::Kind kind) {
  switch (kind) {
    case vfio_user::ServerEvent::Kind::kRefused:
      return "refused";
    case vfio_user::ServerEvent::Kind::kFailed:
      return "failed";
    case vfio_user::ServerEvent::Kind::kConnected:
      return "connected";
    case vfio_user::ServerEvent::Kind::kDisconnected:
      return "disconnected";
  }
  return "failed";
}

Napi::Object toObject(Napi::Env env, const vfio_user::ServerEvent& event) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kindName(event.kind));
  object.Set("pid", static_cast<double>(event.pid));
  object.Set("uid", static_cast<double>(event.uid));
  object.Set("detail", event.detail);
  object.Set("twinSocket", event.twinSocket);
  object.Set("messages", static_cast<double>(event.messages));
  object.Set("protocol", event.departure.protocol);
  object.Set("found", event.departure.found);
  object.Set("left", event.departure.left);
  object.Set("reset", event.departure.reset);
  object.Set("trouble", event.departure.trouble
                            ? Napi::Value(vfm::binding::toObject(env, *event.departure.trouble))
                            : env.Null());
  return object;
}

}  // namespace

vfio_user::ServeOptions serveOptionsFrom(const Napi::Object& object) {
  vfio_user::ServeOptions options;
  auto flag = [&](const char* name) { return object.Get(name).ToBoolean().Value(); };
  options.passThrough = flag("passThrough");
  options.anyDirectory = flag("anyDirectory");
  options.once = flag("once");
  options.twinSocket = flag("twinSocket");
  options.strict = flag("strict");
  options.maxMessageDescriptors = object.Get("maxMessageDescriptors").ToNumber().Uint32Value();
  options.maxTransfer = object.Get("maxTransfer").ToNumber().Uint32Value();
  options.maxDmaMaps = object.Get("maxDmaMaps").ToNumber().Uint32Value();
  const Napi::Value users = object.Get("allowedUsers");
  if (users.IsArray()) {
    const Napi::Array array = users.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i)
      options.allowedUsers.push_back(array.Get(i).ToNumber().Uint32Value());
  }
  return options;
}

Napi::Function ServerHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&ServerHandle::next>("next"), InstanceMethod<&ServerHandle::stop>("stop"),
       InstanceMethod<&ServerHandle::close>("close")});
}

ServerHandle::ServerHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ServerHandle>(info), events_("vfm:events"), closing_("vfm:closing") {
  server_ = takeInit<Init>(info).server;
}

ServerHandle::~ServerHandle() {
  // Whoever waits for the next event holds the server, too, and would wait for ever.
  if (server_) server_->stop();
  dropOn(closing_, std::move(server_));
}

Napi::Value ServerHandle::next(const Napi::CallbackInfo& info) {
  if (!server_) return failed(info.Env(), closed("vfio-user server"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::optional<vfio_user::ServerEvent>>(
          info.Env(), events_,
          [server = server_]() -> Result<std::optional<vfio_user::ServerEvent>> {
            return server->nextEvent();
          },
          [](Napi::Env env, const std::optional<vfio_user::ServerEvent>& event) -> Napi::Value {
            if (!event) return env.Null();
            return toObject(env, *event);
          },
          [this](Napi::Env) { Unref(); });
}

Napi::Value ServerHandle::stop(const Napi::CallbackInfo& info) {
  if (server_) server_->stop();
  return info.Env().Undefined();
}

// Waits for the client's last request, which can be in a driver.
Napi::Value ServerHandle::close(const Napi::CallbackInfo& info) {
  if (server_) server_->stop();
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), closing_,
          [server = std::move(server_)]() mutable -> Result<std::nullptr_t> {
            if (server) server->join();
            server.reset();
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

}  // namespace vfm::binding
