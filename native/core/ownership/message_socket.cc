// SPDX-License-Identifier: MIT
#include "core/ownership/message_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "core/io/wait.h"

namespace vfm {
namespace {

// The kernel passes no more than this in one message (SCM_MAX_FD). With room for all of them none is closed
// unseen, and a message with too many is told from one that was cut.
constexpr size_t kKernelsMost = 253;
constexpr int kBacklog = 16;
constexpr int kRetryMilliseconds = 20;

Result<sockaddr_un> addressOf(const std::string& path, const char* operation) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) || path.find('\0') != std::string::npos) {
    return Failure::because(
        Reason::kInvalidArgument, operation,
        "the path of a socket has 1 to " + std::to_string(sizeof(address.sun_path) - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> newSocket(const char* operation) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure::system(errno, "socket", operation);
  return fd;
}

// Every descriptor that came with a message, owned, whatever else is wrong with it.
std::vector<UniqueFd> ownDescriptors(msghdr& header) {
  std::vector<UniqueFd> owned;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; ++index) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + index * sizeof(int), sizeof(int));
      owned.emplace_back(fd);
    }
  }
  return owned;
}

}  // namespace

Result<std::shared_ptr<MessageSocket>> MessageSocket::over(UniqueFd fd) {
  constexpr const char* kOperation = "use of a socket";
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return Failure::system(errno, "getsockopt", kOperation);
  }
  if (domain != AF_UNIX || type != SOCK_SEQPACKET) {
    return Failure::because(Reason::kInvalidArgument, kOperation,
                            "descriptors travel over SOCK_SEQPACKET sockets of AF_UNIX only");
  }
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  return std::shared_ptr<MessageSocket>(new MessageSocket(std::move(fd), std::move(*cancellation)));
}

Result<std::shared_ptr<MessageSocket>> MessageSocket::connect(const std::string& path,
                                                              int timeoutMilliseconds) {
  const std::string operation = "connect to " + path;
  auto address = addressOf(path, operation.c_str());
  if (!address) return std::move(address).failure();
  auto fd = newSocket(operation.c_str());
  if (!fd) return std::move(fd).failure();
  auto connected = over(std::move(*fd));
  if (!connected) return connected;
  MessageSocket& socket = **connected;
  const Patience patience{*socket.cancellation_, Deadline(timeoutMilliseconds)};
  // EAGAIN is a full backlog, which nothing can be polled for.
  while (::connect(socket.fd_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Failure::system(errno, "connect", path);
    if (patience.deadline.passed()) return Failure::system(ETIMEDOUT, "connect", path);
    auto paused = pause(kRetryMilliseconds, patience, "connect");
    if (!paused) return std::move(paused).failure();
  }
  return connected;
}

Status MessageSocket::send(ConstBytes bytes, const std::vector<int>& descriptors, int timeoutMilliseconds) {
  constexpr const char* kOperation = "send a message";
  if (bytes.size == 0 || bytes.size > kLargestMessage || descriptors.size() > kMostDescriptors) {
    return Failure::because(Reason::kInvalidArgument, kOperation,
                            std::to_string(bytes.size) + " bytes and " + std::to_string(descriptors.size()) +
                                " descriptors; 1 to " + std::to_string(kLargestMessage) + " and up to " +
                                std::to_string(kMostDescriptors) + " are possible");
  }
  iovec part{const_cast<uint8_t*>(bytes.data), bytes.size};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const size_t size = descriptors.size() * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  const Patience patience{*cancellation_, Deadline(timeoutMilliseconds)};
  for (;;) {
    auto ready = awaitReady(fd_.get(), POLLOUT, patience, kOperation);
    if (!ready) return ready;
    const ssize_t sent = ::sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return Status::success();
    if (errno == EINTR || errno == EAGAIN) continue;
    return Failure::system(errno, "sendmsg", kOperation);
  }
}

Result<std::optional<Message>> MessageSocket::receive(int timeoutMilliseconds) {
  constexpr const char* kOperation = "receive a message";
  Message message;
  message.bytes.resize(kLargestMessage);
  iovec part{message.bytes.data(), message.bytes.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kKernelsMost * sizeof(int))];
  const Patience patience{*cancellation_, Deadline(timeoutMilliseconds)};
  for (;;) {
    auto ready = awaitReady(fd_.get(), POLLIN, patience, kOperation);
    if (!ready) return std::move(ready).failure();
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t received = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno == ECONNRESET) return std::optional<Message>();  // closed with something of ours unread
      return Failure::system(errno, "recvmsg", kOperation);
    }
    message.descriptors = ownDescriptors(header);
    if (received == 0 && message.descriptors.empty()) return std::optional<Message>();
    if (received == 0)
      return Failure::because(Reason::kMalformed, kOperation, "descriptors without a message");
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      return Failure::because(Reason::kMalformed, kOperation,
                              "more than " + std::to_string(kLargestMessage) + " bytes");
    }
    // Also when this process has no descriptor free for one of them.
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
      return Failure::because(Reason::kMalformed, kOperation, "not all of its descriptors arrived");
    }
    if (message.descriptors.size() > kMostDescriptors) {
      return Failure::because(Reason::kMalformed, kOperation,
                              std::to_string(message.descriptors.size()) + " descriptors");
    }
    message.bytes.resize(static_cast<size_t>(received));
    return std::optional<Message>(std::move(message));
  }
}

Result<std::shared_ptr<MessageListener>> MessageListener::listen(const std::string& path) {
  const std::string operation = "listen at " + path;
  auto address = addressOf(path, operation.c_str());
  if (!address) return std::move(address).failure();
  auto fd = newSocket(operation.c_str());
  if (!fd) return std::move(fd).failure();
  // On a socket this is the mode of the node that bind makes.
  if (::fchmod(fd->get(), 0600) != 0) return Failure::system(errno, "fchmod", path);
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Failure::system(errno, "bind", path);
  }
  if (::listen(fd->get(), kBacklog) != 0) return Failure::system(errno, "listen", path);
  auto cancellation = Cancellation::create();
  if (!cancellation) return std::move(cancellation).failure();
  return std::shared_ptr<MessageListener>(new MessageListener(std::move(*fd), std::move(*cancellation)));
}

Result<std::shared_ptr<MessageSocket>> MessageListener::accept() {
  constexpr const char* kOperation = "accept a connection";
  const Patience patience{*cancellation_};
  for (;;) {
    auto ready = awaitReady(fd_.get(), POLLIN, patience, kOperation);
    if (!ready) return std::move(ready).failure();
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) return MessageSocket::over(std::move(fd));
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      auto paused = pause(kRetryMilliseconds, patience, kOperation);
      if (!paused) return std::move(paused).failure();
      continue;
    }
    if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
      return Failure::system(errno, "accept4", kOperation);
    }
  }
}

}  // namespace vfm
