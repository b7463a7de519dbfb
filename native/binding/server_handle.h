// SPDX-License-Identifier: MIT
// NativeServer: a device served over vfio-user.
#pragma once

#include "binding/handle.h"
#include "core/vfio_user/server.h"

namespace vfm::binding {

class ServerHandle : public Napi::ObjectWrap<ServerHandle> {
 public:
  static constexpr const char* kName = "Server";
  struct Init {
    std::shared_ptr<vfio_user::Server> server;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit ServerHandle(const Napi::CallbackInfo& info);
  ~ServerHandle() override;

 private:
  Napi::Value next(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane events_;
  Lane closing_;  // next() may wait for long
  std::shared_ptr<vfio_user::Server> server_;
};

// From the object that lib/native-binding.ts describes.
vfio_user::ServeOptions serveOptionsFrom(const Napi::Object& object);

}  // namespace vfm::binding
