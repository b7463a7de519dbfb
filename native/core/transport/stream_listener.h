// SPDX-License-Identifier: MIT
// Listens for stream connections, UNIX or TCP.
#pragma once

#include <memory>
#include <utility>

#include "core/transport/stream_socket.h"

namespace vfm {

class StreamListener {
 public:
  // A UNIX socket's node is made with mode 0600, and stays when the listener goes. TCP: SO_REUSEADDR, so that
  // a restart need not wait for old connections; an IPv6 address takes no IPv4 connections. EADDRINUSE,
  // EADDRNOTAVAIL, EACCES.
  static Result<std::shared_ptr<StreamListener>> listen(const SocketAddress& address);

  StreamListener(const StreamListener&) = delete;
  StreamListener& operator=(const StreamListener&) = delete;

  // With the real port.
  Result<SocketAddress> address() const { return SocketAddress::localOf(fd_.get()); }

  // The next connection. Reason::kCancelled after cancel(); ETIMEDOUT. EMFILE waits for descriptors, it is
  // not answered.
  Result<std::shared_ptr<StreamSocket>> accept(const CallLimits& limits);
  // From any thread, for good.
  void cancel() noexcept { cancellation_->cancel(); }

 private:
  StreamListener(UniqueFd fd, std::shared_ptr<Cancellation> cancellation)
      : fd_(std::move(fd)), cancellation_(std::move(cancellation)) {}

  const UniqueFd fd_;
  const std::shared_ptr<Cancellation> cancellation_;
};

}  // namespace vfm
