// SPDX-License-Identifier: MIT
#include "binding/message_socket_handle.h"

#include <fcntl.h>

#include <cstring>

#include "binding/arguments.h"
#include "binding/descriptor_handle.h"

namespace vfm::binding {
namespace {

Napi::Value socketOf(Napi::Env env, std::shared_ptr<MessageSocket> socket) {
  return make<MessageSocketHandle>(env, {std::move(socket)});
}

// Duplicates, so that the caller may close its own before the message is on its way. Nothing, with the errno
// in `error`, when one is not open; an exception is pending when one is no number.
std::vector<UniqueFd> duplicatesOf(const Napi::Array& numbers, int& error) {
  std::vector<UniqueFd> copies;
  for (uint32_t index = 0; index < numbers.Length(); ++index) {
    const Napi::Value number = numbers.Get(index);
    UniqueFd copy(
        ::fcntl(number.IsNumber() ? number.As<Napi::Number>().Int32Value() : -1, F_DUPFD_CLOEXEC, 0));
    if (!copy) {
      error = errno;
      return {};
    }
    copies.push_back(std::move(copy));
  }
  return copies;
}

using Received = std::shared_ptr<std::optional<Message>>;

Napi::Value messageOf(Napi::Env env, const Received& received) {
  if (!*received) return env.Null();
  Message& message = **received;
  Napi::ArrayBuffer bytes = Napi::ArrayBuffer::New(env, message.bytes.size());
  std::memcpy(bytes.Data(), message.bytes.data(), message.bytes.size());
  Napi::Array descriptors = Napi::Array::New(env, message.descriptors.size());
  for (uint32_t index = 0; index < message.descriptors.size(); ++index) {
    descriptors.Set(index, make<DescriptorHandle>(env, {std::move(message.descriptors[index])}));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", bytes);
  object.Set("descriptors", descriptors);
  return object;
}

}  // namespace

Napi::Function MessageSocketHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&MessageSocketHandle::peer>("peer"), InstanceMethod<&MessageSocketHandle::send>("send"),
       InstanceMethod<&MessageSocketHandle::receive>("receive"),
       InstanceMethod<&MessageSocketHandle::close>("close")});
}

MessageSocketHandle::MessageSocketHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<MessageSocketHandle>(info), sending_("vfm:send"), receiving_("vfm:receive") {
  socket_ = takeInit<Init>(info).socket;
}

MessageSocketHandle::~MessageSocketHandle() {
  if (socket_) socket_->cancel();
}

Napi::Value MessageSocketHandle::peer(const Napi::CallbackInfo& info) {
  if (!socket_) return toObject(info.Env(), closed("SO_PEERCRED"));
  auto peer = socket_->peer();
  if (!peer) return toObject(info.Env(), peer.failure());
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("pid", peer->pid);
  object.Set("uid", peer->uid);
  object.Set("gid", peer->gid);
  return object;
}

Napi::Value MessageSocketHandle::send(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto view = arguments.bytes(0);
  const Napi::Object descriptors = arguments.object(1);
  const int timeout = arguments.integer(2);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!socket_) return failed(info.Env(), closed("send a message"));
  int error = 0;
  std::vector<UniqueFd> copies;
  if (descriptors.IsArray()) copies = duplicatesOf(descriptors.As<Napi::Array>(), error);
  if (error != 0) return failed(info.Env(), Failure::system(error, "fcntl", "send a message"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), sending_,
          [socket = socket_, timeout, copies = std::move(copies),
           bytes = std::vector<uint8_t>(view.Data(),
                                        view.Data() + view.ByteLength())]() -> Result<std::nullptr_t> {
            std::vector<int> numbers;
            for (const UniqueFd& copy : copies) numbers.push_back(copy.get());
            Status sent = socket->send(ConstBytes(bytes.data(), bytes.size()), numbers, timeout);
            if (!sent) return std::move(sent).failure();
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

Napi::Value MessageSocketHandle::receive(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int timeout = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  if (!socket_) return failed(info.Env(), closed("receive a message"));
  Ref();
  return Runtime::of(info.Env())
      .run<Received>(
          info.Env(), receiving_,
          [socket = socket_, timeout]() -> Result<Received> {
            auto message = socket->receive(timeout);
            if (!message) return std::move(message).failure();
            return std::make_shared<std::optional<Message>>(std::move(message).value());
          },
          messageOf, [this](Napi::Env) { Unref(); });
}

Napi::Value MessageSocketHandle::close(const Napi::CallbackInfo& info) {
  if (socket_) socket_->cancel();
  Ref();
  // After the last call in progress, which holds a share of its own.
  return Runtime::of(info.Env())
      .run<std::nullptr_t>(
          info.Env(), receiving_,
          [socket = std::move(socket_)]() mutable -> Result<std::nullptr_t> {
            socket.reset();
            return nullptr;
          },
          [](Napi::Env env, std::nullptr_t) { return null(env); }, [this](Napi::Env) { Unref(); });
}

Napi::Function MessageListenerHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceMethod<&MessageListenerHandle::accept>("accept"),
                      InstanceMethod<&MessageListenerHandle::close>("close")});
}

MessageListenerHandle::MessageListenerHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<MessageListenerHandle>(info), lane_("vfm:accept") {
  listener_ = takeInit<Init>(info).listener;
}

MessageListenerHandle::~MessageListenerHandle() {
  if (listener_) listener_->cancel();
}

Napi::Value MessageListenerHandle::accept(const Napi::CallbackInfo& info) {
  if (!listener_) return failed(info.Env(), closed("accept a connection"));
  Ref();
  return Runtime::of(info.Env())
      .run<std::shared_ptr<MessageSocket>>(
          info.Env(), lane_, [listener = listener_] { return listener->accept(); }, socketOf,
          [this](Napi::Env) { Unref(); });
}

Napi::Value MessageListenerHandle::close(const Napi::CallbackInfo& info) {
  if (listener_) listener_->cancel();
  return closeOn(info.Env(), *this, lane_, std::move(listener_));
}

Napi::Value connectSocket(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string path = arguments.text(0);
  const int timeout = arguments.integer(1);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:connect");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<MessageSocket>>(
          info.Env(), lane, [=] { return MessageSocket::connect(path, timeout); }, socketOf);
}

Napi::Value socketOver(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto copy = std::make_shared<UniqueFd>(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!*copy) return failed(info.Env(), Failure::system(errno, "fcntl", "use of a socket"));
  Lane lane("vfm:connect");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<MessageSocket>>(
          info.Env(), lane, [copy] { return MessageSocket::over(std::move(*copy)); }, socketOf);
}

Napi::Value listenAt(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string path = arguments.text(0);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:listen");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<MessageListener>>(
          info.Env(), lane, [=] { return MessageListener::listen(path); },
          [](Napi::Env env, std::shared_ptr<MessageListener> listener) -> Napi::Value {
            return make<MessageListenerHandle>(env, {std::move(listener)});
          });
}

}  // namespace vfm::binding
