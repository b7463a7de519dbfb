// SPDX-License-Identifier: MIT
// A connected stream socket, UNIX or TCP: messages at first, then perhaps bulk data that a pump moves through
// its descriptor.
#pragma once

#include <memory>
#include <utility>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/io/cancellation.h"
#include "core/io/peer.h"
#include "core/io/wait.h"
#include "core/transport/socket_address.h"

namespace vfm {

// What one call may wait for; every call ends with the socket's cancel() anyway.
struct CallLimits {
  int timeoutMilliseconds = Deadline::kNever;
  const Cancellation* cancellation = nullptr;  // of this call alone; borrowed
};

// One sender and one receiver at a time; the two may be different threads. Nothing here waits past cancel().
class StreamSocket {
 public:
  // Reason::kInvalidArgument unless it is a stream socket. The description becomes non-blocking.
  static Result<std::shared_ptr<StreamSocket>> over(UniqueFd fd);

  // The errno of connect(2): ECONNREFUSED (nobody listens), ENOENT and EACCES (UNIX), EHOSTUNREACH, ...;
  // ETIMEDOUT: no answer, or a backlog that stays full. Reason::kCancelled.
  static Result<std::shared_ptr<StreamSocket>> connect(const SocketAddress& address,
                                                       const CallLimits& limits);

  // Both ends, of AF_UNIX.
  static Result<std::pair<std::shared_ptr<StreamSocket>, std::shared_ptr<StreamSocket>>> pair();

  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  int fd() const { return fd_.get(); }  // borrowed
  bool isTcp() const { return tcp_; }
  // Of a UNIX socket.
  Result<Peer> peer() const { return peerOf(fd_.get()); }
  Result<SocketAddress> peerAddress() const { return SocketAddress::peerOf(fd_.get()); }

  // How long a TCP peer may be unreachable before calls fail with ETIMEDOUT; 0: the kernel's own defaults
  // (about a quarter of an hour for data that nobody acknowledges, for ever where none is on its way). Sets
  // keepalive probes, for a link that is silent, and TCP_USER_TIMEOUT, for one that is not. Note that
  // TCP_USER_TIMEOUT also ends a connection whose peer is alive and does not read for as long (a window of
  // zero, tcp_probe_timer). No effect on UNIX sockets.
  Status setLinkTimeout(int milliseconds);
  // The same by keepalive alone: for a peer that may take any time to read.
  Status setPatientLink(int milliseconds);

  // At least one byte, or 0 at the end of what the peer sends. A failure has taken nothing. ETIMEDOUT (in
  // time nothing came, or the link is dead), ECONNRESET, Reason::kCancelled.
  Result<size_t> receive(Bytes bytes, const CallLimits& limits);
  // All of it. After a failure an unknown part is on its way. EPIPE, ECONNRESET, ETIMEDOUT,
  // Reason::kCancelled.
  Status send(ConstBytes bytes, const CallLimits& limits);

  // The peer reads to the end of what was sent, then finds the end of it.
  Status endWriting();
  // Until all that was sent has arrived in the peer's kernel (a UNIX socket's peer is there already); the end
  // itself need not be acknowledged. A connection that broke meanwhile is a failure.
  Status flush(const CallLimits& limits);

  // Another descriptor of the same socket, close-on-exec.
  Result<UniqueFd> duplicate() const;

  // From any thread: calls in progress and all later ones answer Reason::kCancelled, and whoever reads or
  // writes a duplicate of the descriptor, a pump for instance, finds the end of it or EPIPE at once.
  void destroy() noexcept;

 private:
  StreamSocket(UniqueFd fd, bool tcp, std::shared_ptr<Cancellation> cancellation)
      : fd_(std::move(fd)), tcp_(tcp), cancellation_(std::move(cancellation)) {}
  Patience patienceFor(const CallLimits& limits) const {
    return Patience{*cancellation_, Deadline(limits.timeoutMilliseconds), limits.cancellation};
  }

  const UniqueFd fd_;
  const bool tcp_;
  const std::shared_ptr<Cancellation> cancellation_;
};

}  // namespace vfm
