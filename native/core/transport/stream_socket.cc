// SPDX-License-Identifier: MIT
#include "core/transport/stream_socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace vfm {
namespace {

constexpr int kRetryMilliseconds = 20;
constexpr int kKeepaliveProbes = 3;

Status setOption(int fd, int level, int option, int value, const char* name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return Status::success();
  return Failure::system(errno, "setsockopt", name);
}

// Taken and cleared: what broke the connection, 0 if nothing has.
int pendingError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

Result<std::shared_ptr<StreamSocket>> StreamSocket::over(UniqueFd fd) {
  constexpr const char* kOperation = "use of a socket";
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return Failure::system(errno, "getsockopt", kOperation);
  }
  const bool tcp = domain == AF_INET || domain == AF_INET6;
  if (type != SOCK_STREAM || (!tcp && domain != AF_UNIX)) {
    return Failure::because(Reason::kInvalidArgument, kOperation,
                            "only stream sockets, UNIX or TCP, carry a stream");
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return Failure::system(errno, "fcntl", kOperation);
  }
  if (tcp) {
    // Messages are short and are waited for.
    auto set = setOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    if (!set) return std::move(set).failure();
  }
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  return std::shared_ptr<StreamSocket>(new StreamSocket(std::move(fd), tcp, std::move(*cancellation)));
}

Result<std::shared_ptr<StreamSocket>> StreamSocket::connect(const SocketAddress& address,
                                                            const CallLimits& limits) {
  const std::string operation = "connect to " + address.text();
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure::system(errno, "socket", operation);
  auto made = over(std::move(fd));
  if (!made) return made;
  StreamSocket& socket = **made;
  const Patience patience = socket.patienceFor(limits);
  for (;;) {
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, operation);
    if (::connect(socket.fd(), address.get(), address.size()) == 0) return made;
    if (errno == EINPROGRESS) break;
    if (errno == EINTR) continue;
    // Of a UNIX socket EAGAIN is a full backlog, which nothing can be polled for.
    if (errno != EAGAIN || socket.isTcp()) return Failure::system(errno, "connect", operation);
    if (patience.deadline.passed()) return Failure::system(ETIMEDOUT, "connect", operation);
    auto paused = pause(kRetryMilliseconds, patience, operation.c_str());
    if (!paused) return std::move(paused).failure();
  }
  auto ready = awaitReady(socket.fd(), POLLOUT, patience, operation.c_str());
  if (!ready) return std::move(ready).failure();
  const int error = pendingError(socket.fd());
  if (error != 0) return Failure::system(error, "connect", operation);
  return made;
}

Result<std::pair<std::shared_ptr<StreamSocket>, std::shared_ptr<StreamSocket>>> StreamSocket::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Failure::system(errno, "socketpair", "a pair of sockets");
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  auto first = over(std::move(ours));
  if (!first) return std::move(first).failure();
  auto second = over(std::move(theirs));
  if (!second) return std::move(second).failure();
  return std::make_pair(std::move(*first), std::move(*second));
}

Status StreamSocket::setPatientLink(int milliseconds) {
  if (!tcp_) return Status::success();
  const bool wanted = milliseconds > 0;
  auto set = setOption(fd(), SOL_SOCKET, SO_KEEPALIVE, wanted ? 1 : 0, "SO_KEEPALIVE");
  if (set && wanted) {
    // One quiet part and as many probes, each as long; the kernel counts seconds.
    const int part = std::max(1, milliseconds / 1000 / (kKeepaliveProbes + 1));
    set = setOption(fd(), IPPROTO_TCP, TCP_KEEPIDLE, part, "TCP_KEEPIDLE");
    if (set) set = setOption(fd(), IPPROTO_TCP, TCP_KEEPINTVL, part, "TCP_KEEPINTVL");
    if (set) set = setOption(fd(), IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes, "TCP_KEEPCNT");
  }
  if (set) set = setOption(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, 0, "TCP_USER_TIMEOUT");
  return set;
}

Status StreamSocket::setLinkTimeout(int milliseconds) {
  auto set = setPatientLink(milliseconds);
  if (set && tcp_ && milliseconds > 0) {
    set = setOption(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds, "TCP_USER_TIMEOUT");
  }
  return set;
}

Result<size_t> StreamSocket::receive(Bytes bytes, const CallLimits& limits) {
  constexpr const char* kOperation = "receive";
  if (bytes.size == 0) {
    return Failure::because(Reason::kInvalidArgument, kOperation, "room for no byte at all");
  }
  const Patience patience = patienceFor(limits);
  for (;;) {
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, kOperation);
    const ssize_t received = ::recv(fd(), bytes.data, bytes.size, MSG_DONTWAIT);
    if (received >= 0) return static_cast<size_t>(received);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Failure::system(errno, "recv", kOperation);
    auto ready = awaitReady(fd(), POLLIN, patience, kOperation);
    if (!ready) return std::move(ready).failure();
  }
}

Status StreamSocket::send(ConstBytes bytes, const CallLimits& limits) {
  constexpr const char* kOperation = "send";
  const Patience patience = patienceFor(limits);
  while (bytes.size > 0) {
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, kOperation);
    const ssize_t sent = ::send(fd(), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.from(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Failure::system(errno, "send", kOperation);
    auto ready = awaitReady(fd(), POLLOUT, patience, kOperation);
    if (!ready) return ready;
  }
  return Status::success();
}

Status StreamSocket::endWriting() {
  if (::shutdown(fd(), SHUT_WR) == 0) return Status::success();
  return Failure::system(errno, "shutdown", "end what is sent");
}

Status StreamSocket::flush(const CallLimits& limits) {
  constexpr const char* kOperation = "wait for what was sent to arrive";
  // The end of the stream counts as one byte in the queue, and its acknowledgement may be delayed.
  constexpr int kEnd = 1;
  const Patience patience = patienceFor(limits);
  for (int rest = 1;; rest = std::min(2 * rest, kRetryMilliseconds)) {
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, kOperation);
    const int error = pendingError(fd());
    if (error != 0) return Failure::system(error, "shutdown", kOperation);
    if (!tcp_) return Status::success();
    int queued = 0;
    if (::ioctl(fd(), SIOCOUTQ, &queued) != 0) return Failure::system(errno, "ioctl", "SIOCOUTQ");
    if (queued <= kEnd) return Status::success();
    if (patience.deadline.passed()) return Failure::system(ETIMEDOUT, "ioctl", kOperation);
    // Nothing wakes a poller when the last byte is acknowledged.
    auto paused = pause(rest, patience, kOperation);
    if (!paused) return paused;
  }
}

Result<UniqueFd> StreamSocket::duplicate() const {
  UniqueFd copy(::fcntl(fd(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return Failure::system(errno, "fcntl", "duplicate a socket");
  return copy;
}

void StreamSocket::destroy() noexcept {
  cancellation_->cancel();
  (void)::shutdown(fd(), SHUT_RDWR);
}

}  // namespace vfm
