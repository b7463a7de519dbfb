// SPDX-License-Identifier: MIT
// NativeSession: a v2 save or load session.
#pragma once

#include "binding/handle.h"
#include "core/device/session.h"

namespace vfm::binding {

class SessionHandle : public Napi::ObjectWrap<SessionHandle> {
 public:
  static constexpr const char* kName = "Session";
  struct Init {
    std::shared_ptr<Session> session;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit SessionHandle(const Napi::CallbackInfo& info);
  ~SessionHandle() override { dropOn(lane_, std::move(session_)); }

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value precopyInfo(const Napi::CallbackInfo& info);
  Napi::Value source(const Napi::CallbackInfo& info);
  Napi::Value sink(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  // Throws, and answers false, when the session is closed or its data was taken.
  bool takeData(Napi::Env env);

  Lane lane_;
  std::shared_ptr<Session> session_;
  bool taken_ = false;
};

}  // namespace vfm::binding
