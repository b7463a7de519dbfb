// SPDX-License-Identifier: MIT
// Serves a device on a UNIX socket, one client after the other, until it is told to stop. The device is the
// caller's and stays, with its state, whatever its clients do.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/io/cancellation.h"
#include "core/threads/joined_thread.h"
#include "core/vfio_user/listener.h"
#include "core/vfio_user/server_connection.h"

namespace vfm::vfio_user {

class Server {
 public:
  // Listens when this returns. Reason::kUnsupported: a device of the kernel's without passThrough; else what
  // Listener::open says.
  static Result<std::shared_ptr<Server>> start(std::shared_ptr<Device> device, const std::string& path,
                                               const ServeOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Waits for the next piece of news; null once the server has ended and everything was told. Of a storm of
  // clients that nobody asks about the oldest are forgotten.
  std::optional<ServerEvent> nextEvent();
  // From any thread, at once: no more clients, and the one there is is let go. nextEvent() tells when it is
  // done.
  void stop();
  // Waits until it is done.
  void join();

 private:
  Server(std::shared_ptr<Device> device, const ServeOptions& options, std::shared_ptr<Cancellation> stopping,
         std::unique_ptr<Listener> listener)
      : device_(std::move(device)),
        options_(options),
        stopping_(std::move(stopping)),
        listener_(std::move(listener)) {}
  void run();
  // Whether there may be another.
  bool serveOne(Listener::Accepted client);
  void tell(ServerEvent event);

  static constexpr size_t kMostEvents = 1024;

  const std::shared_ptr<Device> device_;
  const ServeOptions options_;
  const std::shared_ptr<Cancellation> stopping_;
  std::unique_ptr<Listener> listener_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<ServerEvent> events_;
  Connection* connection_ = nullptr;
  bool ended_ = false;

  std::unique_ptr<JoinedThread> thread_;  // last: it uses all of the above
};

}  // namespace vfm::vfio_user
