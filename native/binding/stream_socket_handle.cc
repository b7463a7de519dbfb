// SPDX-License-Identifier: MIT
#include "binding/stream_socket_handle.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "binding/arguments.h"
#include "binding/cancellation_handle.h"

namespace vfm::binding {
namespace {

constexpr size_t kLargestReceive = size_t{1} << 20;

// What one call may wait for, from JavaScript: it owns the cancellation until the call is over.
struct Limits {
  Limits(int timeout, std::shared_ptr<Cancellation> cancellation)
      : timeout(timeout), cancellation(std::move(cancellation)) {}
  CallLimits get() const { return {timeout, cancellation.get()}; }
  int timeout;
  std::shared_ptr<Cancellation> cancellation;
};

Napi::Value socketOf(Napi::Env env, std::shared_ptr<StreamSocket> socket) {
  return make<StreamSocketHandle>(env, {std::move(socket)});
}

Napi::Object toObject(Napi::Env env, const SocketAddress& address) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("host", address.host());
  object.Set("port", address.port());
  object.Set("text", address.text());
  return object;
}

// Lets go of `share` on its lane, after the calls that were posted there, and of the lane with it. The
// promise of null settles after that.
template <typename T>
Napi::Value letGo(Napi::Env env, std::optional<Lane>& lane, std::shared_ptr<T>& share) {
  if (!lane) {
    auto done = Napi::Promise::Deferred::New(env);
    done.Resolve(env.Null());
    return done.Promise();
  }
  const Napi::Value gone = Runtime::of(env).run<std::nullptr_t>(
      env, *lane,
      [share = std::move(share)]() mutable -> Result<std::nullptr_t> {
        share.reset();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
  lane.reset();
  return gone;
}

Result<SocketAddress> addressOf(const std::string& host, int port) {
  return port < 0 ? SocketAddress::ofPath(host)
                  : SocketAddress::ofHost(host, static_cast<uint16_t>(std::min(port, 65535)));
}

}  // namespace

Napi::Function StreamSocketHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceAccessor<&StreamSocketHandle::descriptor>("descriptor"),
                      InstanceMethod<&StreamSocketHandle::peer>("peer"),
                      InstanceMethod<&StreamSocketHandle::peerAddress>("peerAddress"),
                      InstanceMethod<&StreamSocketHandle::receive>("receive"),
                      InstanceMethod<&StreamSocketHandle::send>("send"),
                      InstanceMethod<&StreamSocketHandle::endWriting>("endWriting"),
                      InstanceMethod<&StreamSocketHandle::flush>("flush"),
                      InstanceMethod<&StreamSocketHandle::finish>("finish"),
                      InstanceMethod<&StreamSocketHandle::setLinkTimeout>("setLinkTimeout"),
                      InstanceMethod<&StreamSocketHandle::duplicate>("duplicate"),
                      InstanceMethod<&StreamSocketHandle::destroy>("destroy"),
                      InstanceMethod<&StreamSocketHandle::close>("close")});
}

StreamSocketHandle::StreamSocketHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<StreamSocketHandle>(info),
      sending_(std::in_place, "vfm:send"),
      receiving_(std::in_place, "vfm:receive") {
  socket_ = takeInit<Init>(info).socket;
}

StreamSocketHandle::~StreamSocketHandle() {
  if (socket_) socket_->destroy();
}

template <typename Work>
Napi::Value StreamSocketHandle::run(Napi::Env env, std::optional<Lane>& lane, const char* what, Work work) {
  if (!socket_) return failed(env, closed(what));
  Ref();
  return Runtime::of(env).run<std::nullptr_t>(
      env, *lane,
      [socket = socket_, work = std::move(work)]() -> Result<std::nullptr_t> {
        Status done = work(*socket);
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

Napi::Value StreamSocketHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), socket_ ? socket_->fd() : -1);
}

Napi::Value StreamSocketHandle::peer(const Napi::CallbackInfo& info) {
  if (!socket_) return binding::toObject(info.Env(), closed("SO_PEERCRED"));
  auto peer = socket_->peer();
  if (!peer) return binding::toObject(info.Env(), peer.failure());
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("pid", peer->pid);
  object.Set("uid", peer->uid);
  object.Set("gid", peer->gid);
  return object;
}

Napi::Value StreamSocketHandle::peerAddress(const Napi::CallbackInfo& info) {
  if (!socket_) return binding::toObject(info.Env(), closed("address of a peer"));
  auto address = socket_->peerAddress();
  if (!address) return binding::toObject(info.Env(), address.failure());
  return toObject(info.Env(), *address);
}

Napi::Value StreamSocketHandle::receive(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const size_t most = std::min(arguments.length(0), kLargestReceive);
  const Limits limits(arguments.integer(1), CancellationHandle::of(info[2]));
  if (!arguments.ok()) return info.Env().Undefined();
  if (!socket_) return failed(info.Env(), closed("receive"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::vector<uint8_t>>(
          info.Env(), *receiving_,
          [socket = socket_, most, limits]() -> Result<std::vector<uint8_t>> {
            std::vector<uint8_t> bytes(most);
            auto received = socket->receive(Bytes{bytes.data(), bytes.size()}, limits.get());
            if (!received) return std::move(received).failure();
            bytes.resize(*received);
            return bytes;
          },
          [](Napi::Env env, const std::vector<uint8_t>& bytes) -> Napi::Value {
            if (bytes.empty()) return env.Null();
            Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes.size());
            std::memcpy(buffer.Data(), bytes.data(), bytes.size());
            return buffer;
          },
          [this](Napi::Env) { Unref(); });
}

Napi::Value StreamSocketHandle::send(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto view = arguments.bytes(0);
  const Limits limits(arguments.integer(1), CancellationHandle::of(info[2]));
  if (!arguments.ok()) return info.Env().Undefined();
  return run(info.Env(), sending_, "send",
             [limits, bytes = std::vector<uint8_t>(view.Data(), view.Data() + view.ByteLength())](
                 StreamSocket& socket) {
               return socket.send(ConstBytes(bytes.data(), bytes.size()), limits.get());
             });
}

Napi::Value StreamSocketHandle::endWriting(const Napi::CallbackInfo& info) {
  return run(info.Env(), sending_, "end what is sent",
             [](StreamSocket& socket) { return socket.endWriting(); });
}

Napi::Value StreamSocketHandle::flush(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Limits limits(arguments.integer(0), CancellationHandle::of(info[1]));
  if (!arguments.ok()) return info.Env().Undefined();
  return run(info.Env(), sending_, "wait for what was sent to arrive",
             [limits](StreamSocket& socket) { return socket.flush(limits.get()); });
}

Napi::Value StreamSocketHandle::finish(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Limits limits(arguments.integer(0), CancellationHandle::of(info[1]));
  if (!arguments.ok()) return info.Env().Undefined();
  return run(info.Env(), sending_, "end what is sent", [limits](StreamSocket& socket) {
    Status ended = socket.endWriting();
    return ended ? socket.flush(limits.get()) : ended;
  });
}

Napi::Value StreamSocketHandle::setLinkTimeout(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int milliseconds = arguments.integer(0);
  const bool patient = arguments.flag(1);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!socket_) return binding::toObject(info.Env(), closed("TCP_USER_TIMEOUT"));
  Status set = patient ? socket_->setPatientLink(milliseconds) : socket_->setLinkTimeout(milliseconds);
  if (!set) return binding::toObject(info.Env(), set.failure());
  return info.Env().Null();
}

Napi::Value StreamSocketHandle::duplicate(const Napi::CallbackInfo& info) {
  if (!socket_) return binding::toObject(info.Env(), closed("duplicate a socket"));
  auto copy = socket_->duplicate();
  if (!copy) return binding::toObject(info.Env(), copy.failure());
  return Napi::Number::New(info.Env(), copy->release());
}

Napi::Value StreamSocketHandle::destroy(const Napi::CallbackInfo& info) {
  if (socket_) socket_->destroy();
  return info.Env().Undefined();
}

Napi::Value StreamSocketHandle::close(const Napi::CallbackInfo& info) {
  receiving_.reset();  // a call in progress holds a share of the socket, and is still done
  return letGo(info.Env(), sending_, socket_);
}

Napi::Function StreamListenerHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&StreamListenerHandle::address>("address"),
                      InstanceMethod<&StreamListenerHandle::accept>("accept"),
                      InstanceMethod<&StreamListenerHandle::close>("close")});
}

StreamListenerHandle::StreamListenerHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<StreamListenerHandle>(info), lane_(std::in_place, "vfm:accept") {
  listener_ = takeInit<Init>(info).listener;
}

StreamListenerHandle::~StreamListenerHandle() {
  if (listener_) listener_->cancel();
}

Napi::Value StreamListenerHandle::address(const Napi::CallbackInfo& info) {
  if (!listener_) return binding::toObject(info.Env(), closed("address of a listener"));
  auto address = listener_->address();
  if (!address) return binding::toObject(info.Env(), address.failure());
  return toObject(info.Env(), *address);
}

Napi::Value StreamListenerHandle::accept(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Limits limits(arguments.integer(0), CancellationHandle::of(info[1]));
  if (!arguments.ok()) return info.Env().Undefined();
  if (!listener_) return failed(info.Env(), closed("accept a connection"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::shared_ptr<StreamSocket>>(
          info.Env(), *lane_, [listener = listener_, limits] { return listener->accept(limits.get()); },
          socketOf, [this](Napi::Env) { Unref(); });
}

Napi::Value StreamListenerHandle::close(const Napi::CallbackInfo& info) {
  if (listener_) listener_->cancel();
  return letGo(info.Env(), lane_, listener_);
}

Napi::Value connectStream(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string host = arguments.text(0);
  const int port = arguments.integer(1);
  const Limits limits(arguments.integer(2), CancellationHandle::of(info[3]));
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:connect");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<StreamSocket>>(
          info.Env(), lane,
          [host, port, limits]() -> Result<std::shared_ptr<StreamSocket>> {
            auto address = addressOf(host, port);
            if (!address) return std::move(address).failure();
            return StreamSocket::connect(*address, limits.get());
          },
          socketOf);
}

Napi::Value listenStream(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string host = arguments.text(0);
  const int port = arguments.integer(1);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:listen");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<StreamListener>>(
          info.Env(), lane,
          [host, port]() -> Result<std::shared_ptr<StreamListener>> {
            auto address = addressOf(host, port);
            if (!address) return std::move(address).failure();
            return StreamListener::listen(*address);
          },
          [](Napi::Env env, std::shared_ptr<StreamListener> listener) -> Napi::Value {
            return make<StreamListenerHandle>(env, {std::move(listener)});
          });
}

Napi::Value streamPair(const Napi::CallbackInfo& info) {
  auto pair = StreamSocket::pair();
  if (!pair) return toObject(info.Env(), pair.failure());
  Napi::Array ends = Napi::Array::New(info.Env(), 2);
  ends.Set(uint32_t{0}, socketOf(info.Env(), std::move(pair->first)));
  ends.Set(uint32_t{1}, socketOf(info.Env(), std::move(pair->second)));
  return ends;
}

}  // namespace vfm::binding
