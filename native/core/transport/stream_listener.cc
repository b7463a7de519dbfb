// SPDX-License-Identifier: MIT
#include "core/transport/stream_listener.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace vfm {
namespace {

constexpr int kBacklog = 16;
constexpr int kRetryMilliseconds = 20;

// accept(2) hands on errors of the connection that was next; the one after it may be fine.
bool concernsOneConnection(int error) {
  switch (error) {
    case EINTR:
    case EAGAIN:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::shared_ptr<StreamListener>> StreamListener::listen(const SocketAddress& address) {
  const std::string operation = "listen at " + address.text();
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure::system(errno, "socket", operation);
  const int on = 1;
  if (!address.isInternet()) {
    // On a socket this is the mode of the node that bind makes.
    if (::fchmod(fd.get(), 0600) != 0) return Failure::system(errno, "fchmod", operation);
  } else if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
             (address.family() == AF_INET6 &&
              ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)) {
    return Failure::system(errno, "setsockopt", operation);
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0) return Failure::system(errno, "bind", operation);
  if (::listen(fd.get(), kBacklog) != 0) return Failure::system(errno, "listen", operation);
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  return std::shared_ptr<StreamListener>(new StreamListener(std::move(fd), std::move(*cancellation)));
}

Result<std::shared_ptr<StreamSocket>> StreamListener::accept(const CallLimits& limits) {
  constexpr const char* kOperation = "accept a connection";
  const Patience patience{*cancellation_, Deadline(limits.timeoutMilliseconds), limits.cancellation};
  for (;;) {
    auto ready = awaitReady(fd_.get(), POLLIN, patience, kOperation);
    if (!ready) return std::move(ready).failure();
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    int error = errno;
    if (fd) {
      auto made = StreamSocket::over(std::move(fd));
      if (made) return made;
      error = made.failure().error;
    }
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      auto paused = pause(kRetryMilliseconds, patience, kOperation);
      if (!paused) return std::move(paused).failure();
      if (patience.deadline.passed()) return Failure::system(ETIMEDOUT, "accept4", kOperation);
      continue;
    }
    if (!concernsOneConnection(error)) return Failure::system(error, "accept4", kOperation);
  }
}

}  // namespace vfm
