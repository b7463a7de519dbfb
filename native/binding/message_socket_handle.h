// SPDX-License-Identifier: MIT
// NativeMessageSocket and NativeMessageListener: UNIX sockets whose messages carry descriptors.
#pragma once

#include "binding/handle.h"
#include "core/ownership/message_socket.h"

namespace vfm::binding {

class MessageSocketHandle : public Napi::ObjectWrap<MessageSocketHandle> {
 public:
  static constexpr const char* kName = "MessageSocket";
  struct Init {
    std::shared_ptr<MessageSocket> socket;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit MessageSocketHandle(const Napi::CallbackInfo& info);
  ~MessageSocketHandle() override;

 private:
  Napi::Value peer(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value receive(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // A peer that does not read must not keep what it sent from being read, nor the reverse.
  Lane sending_;
  Lane receiving_;
  std::shared_ptr<MessageSocket> socket_;
};

class MessageListenerHandle : public Napi::ObjectWrap<MessageListenerHandle> {
 public:
  static constexpr const char* kName = "MessageListener";
  struct Init {
    std::shared_ptr<MessageListener> listener;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit MessageListenerHandle(const Napi::CallbackInfo& info);
  ~MessageListenerHandle() override;

 private:
  Napi::Value accept(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  Lane lane_;
  std::shared_ptr<MessageListener> listener_;
};

// connectSocket(path, timeoutMilliseconds): a promise of a socket.
Napi::Value connectSocket(const Napi::CallbackInfo& info);
// socketOver(fd): a promise of a socket over a duplicate of a descriptor.
Napi::Value socketOver(const Napi::CallbackInfo& info);
// listenAt(path): a promise of a listener.
Napi::Value listenAt(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
