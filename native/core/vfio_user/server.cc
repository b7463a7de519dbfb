// SPDX-License-Identifier: MIT
#include "core/vfio_user/server.h"

#include <chrono>
#include <thread>

namespace vfm::vfio_user {

Result<std::shared_ptr<Server>> Server::start(std::shared_ptr<Device> device, const std::string& path,
                                              const ServeOptions& options) {
  const char* operation = "vfio-user server";
  if (device->descriptor() >= 0 && !options.passThrough) {
    return Failure::because(
        Reason::kUnsupported, operation,
        "a client would get the DMA of a real device, and with it the memory that the IOMMU lets "
        "that reach: ask for it by name (passThrough, --pass-through)");
  }
  if (options.maxMessageDescriptors < 1 || options.maxMessageDescriptors > 253 ||
      options.maxTransfer < 4096 || options.maxTransfer > (uint64_t{64} << 20) || options.maxDmaMaps < 1) {
    return Failure::because(
        Reason::kInvalidArgument, operation,
        "limits: 1 to 253 descriptors in a message, transfers of 4 KiB to 64 MiB, at least one DMA mapping");
  }
  auto stopping = Cancellation::create();
  if (!stopping) return std::move(stopping).failure();
  auto listener = Listener::open(path, {options.allowedUsers, options.anyDirectory});
  if (!listener) return std::move(listener).failure();
  std::shared_ptr<Server> server(
      new Server(std::move(device), options, std::move(*stopping), std::move(*listener)));
  auto thread = JoinedThread::start("vfm:listen", [raw = server.get()] { raw->run(); });
  if (!thread) return std::move(thread).failure();
  server->thread_ = std::move(*thread);
  return server;
}

Server::~Server() {
  stop();
  thread_.reset();
}

void Server::stop() {
  stopping_->cancel();
  std::lock_guard lock(mutex_);
  if (connection_ != nullptr) connection_->stop();
}

void Server::join() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
}

void Server::tell(ServerEvent event) {
  std::lock_guard lock(mutex_);
  if (events_.size() >= kMostEvents) events_.pop_front();
  events_.push_back(std::move(event));
  changed_.notify_all();
}

std::optional<ServerEvent> Server::nextEvent() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !events_.empty(); });
  if (events_.empty()) return std::nullopt;
  ServerEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void Server::run() {
  for (;;) {
    auto accepted = listener_->accept(*stopping_);
    if (!accepted) {
      if (stopping_->cancelled()) break;
      // Out of descriptors, most likely: the client waits in the backlog, and so does this.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    if (!serveOne(std::move(*accepted))) break;
  }
  listener_.reset();
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool Server::serveOne(Listener::Accepted client) {
  ServerEvent event;
  event.pid = client.peer.pid;
  event.uid = client.peer.uid;
  if (!client.fd) {
    event.kind = ServerEvent::Kind::kRefused;
    event.detail = "user " + std::to_string(event.uid) + " is neither the server's nor allowed";
    tell(std::move(event));
    return true;
  }
  Connection connection(std::move(client.fd), device_, options_);
  {
    std::lock_guard lock(mutex_);
    connection_ = &connection;
  }
  // stop() may have looked before the connection was there.
  if (stopping_->cancelled()) connection.stop();
  Connection::End end = connection.run([&](bool twinSocket) {
    event.twinSocket = twinSocket;
    event.kind = ServerEvent::Kind::kConnected;
    tell(event);
  });
  {
    std::lock_guard lock(mutex_);
    connection_ = nullptr;
  }
  event.kind = end.negotiated ? ServerEvent::Kind::kDisconnected : ServerEvent::Kind::kFailed;
  event.detail = std::move(end.why);
  event.messages = end.messages;
  event.departure = std::move(end.departure);
  tell(std::move(event));
  return !(options_.once && end.negotiated);
}

}  // namespace vfm::vfio_user
