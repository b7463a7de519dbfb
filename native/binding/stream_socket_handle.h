// SPDX-License-Identifier: MIT
// NativeStreamSocket and NativeStreamListener: UNIX and TCP connections.
#pragma once

#include <optional>

#include "binding/handle.h"
#include "core/transport/stream_listener.h"
#include "core/transport/stream_socket.h"

namespace vfm::binding {

class StreamSocketHandle : public Napi::ObjectWrap<StreamSocketHandle> {
 public:
  static constexpr const char* kName = "StreamSocket";
  struct Init {
    std::shared_ptr<StreamSocket> socket;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit StreamSocketHandle(const Napi::CallbackInfo& info);
  ~StreamSocketHandle() override;

 private:
  Napi::Value descriptor(const Napi::CallbackInfo& info);
  Napi::Value peer(const Napi::CallbackInfo& info);
  Napi::Value peerAddress(const Napi::CallbackInfo& info);
  Napi::Value receive(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value endWriting(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  Napi::Value setLinkTimeout(const Napi::CallbackInfo& info);
  Napi::Value duplicate(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // `work`: StreamSocket& -> Status.
  template <typename Work>
  Napi::Value run(Napi::Env env, std::optional<Lane>& lane, const char* what, Work work);

  // A peer that does not read must not keep what it sent from being read, nor the reverse. Gone once closed,
  // as is the socket: an engine makes many connections, and the garbage collector is in no hurry.
  std::optional<Lane> sending_;
  std::optional<Lane> receiving_;
  std::shared_ptr<StreamSocket> socket_;
};

class StreamListenerHandle : public Napi::ObjectWrap<StreamListenerHandle> {
 public:
  static constexpr const char* kName = "StreamListener";
  struct Init {
    std::shared_ptr<StreamListener> listener;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit StreamListenerHandle(const Napi::CallbackInfo& info);
  ~StreamListenerHandle() override;

 private:
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value accept(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::optional<Lane> lane_;  // gone once closed, as is the listener
  std::shared_ptr<StreamListener> listener_;
};

// connectStream(host, port, timeoutMilliseconds, cancellation): a promise of a socket. Port -1: `host` is the
// path of a UNIX socket; else figures.
Napi::Value connectStream(const Napi::CallbackInfo& info);
// listenStream(host, port): a promise of a listener.
Napi::Value listenStream(const Napi::CallbackInfo& info);
// streamPair(): both ends, or a failure.
Napi::Value streamPair(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
