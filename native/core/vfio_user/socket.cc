// SPDX-License-Identifier: MIT
#include "core/vfio_user/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace vfm::vfio_user {
namespace {

// The kernel's SCM_MAX_FD: no message can carry more.
constexpr size_t kMostDescriptors = 253;
constexpr size_t kMostParts = 8;

constexpr const char* kSend = "send of a vfio-user message";
constexpr const char* kReceive = "receipt of a vfio-user message";

Failure gone(const char* operation, std::string detail, int error = ECONNRESET) {
  return Failure{Reason::kDisconnected, error, "", operation, std::move(detail)};
}

bool meansGone(int error) { return error == EPIPE || error == ECONNRESET || error == ENOTCONN; }

// Takes the descriptors out of a received control message, all of them, so that none can leak.
void collect(msghdr& message, std::vector<UniqueFd>* into) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
      into->emplace_back(fd);
    }
  }
}

}  // namespace

int Incoming::error() const {
  if ((header.flags & kFlagError) == 0) return 0;
  // Numbers beyond the kernel's MAX_ERRNO are none.
  return header.error_no > 0 && header.error_no < 4096 ? static_cast<int>(header.error_no) : EINVAL;
}

Result<std::unique_ptr<Socket>> Socket::connect(const std::string& path, const SocketLimits& limits,
                                                Milliseconds timeout) {
  const std::string operation = "connect to " + path;
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Failure::because(Reason::kInvalidArgument, operation, "a socket has a path without NUL bytes");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  UniqueFd node;
  std::string name = path;
  if (name.size() >= sizeof address.sun_path) {
    node.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!node) return Failure::system(errno, "open", operation);
    name = "/proc/self/fd/" + std::to_string(node.get());
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure::system(errno, "socket", operation);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // A UNIX socket connects at once, or says EAGAIN where the listener's backlog is full; no event tells when
  // it is not.
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Failure::system(errno, "connect", operation);
    if (std::chrono::steady_clock::now() >= deadline) {
      return Failure{Reason::kTimedOut, ETIMEDOUT, "connect", operation, "the listener accepts nobody"};
    }
    std::this_thread::sleep_for(Milliseconds(10));
  }
  return std::make_unique<Socket>(std::move(fd), limits);
}

Status Socket::waitFor(short event, std::optional<Milliseconds> timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout.value_or(Milliseconds(0));
  for (;;) {
    int wait = -1;
    if (timeout) {
      const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now()).count();
      wait = static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000'000));
    }
    pollfd watched{fd_.get(), event, 0};
    const int ready = ::poll(&watched, 1, wait);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) {
      return Failure::system(errno, "poll", event == POLLIN ? kReceive : kSend);
    }
    if (ready == 0) {
      return Failure{Reason::kTimedOut, ETIMEDOUT, "poll", event == POLLIN ? kReceive : kSend,
                     "nothing moved for " + std::to_string(timeout->count()) + " ms"};
    }
  }
}

Status Socket::send(Header header, std::initializer_list<ConstBytes> parts,
                    const std::vector<int>& descriptors) {
  iovec pieces[1 + kMostParts];
  size_t count = 1;
  size_t size = sizeof header;
  for (const ConstBytes& part : parts) {
    if (part.size == 0) continue;
    if (count > kMostParts || part.size > limits_.largestMessage - size) {
      return Failure::because(Reason::kInvalidArgument, kSend,
                              "a message has at most " + std::to_string(limits_.largestMessage) + " bytes");
    }
    pieces[count++] = {const_cast<uint8_t*>(part.data), part.size};
    size += part.size;
  }
  if (descriptors.size() > kMostDescriptors) {
    return Failure::because(Reason::kInvalidArgument, kSend,
                            std::to_string(descriptors.size()) + " descriptors in one message");
  }
  header.msg_size = static_cast<uint32_t>(size);
  pieces[0] = {&header, sizeof header};

  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  if (!descriptors.empty()) {
    const size_t bytes = descriptors.size() * sizeof(int);
    std::memset(control, 0, CMSG_SPACE(bytes));
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), bytes);
  }

  std::lock_guard lock(sending_);
  bool begun = false;
  for (;;) {
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      if (meansGone(error)) return gone(kSend, "the peer has closed the connection", error);
      if (error != EAGAIN && begun) return gone(kSend, "the rest of a message could not be sent", error);
      if (error != EAGAIN) return Failure::system(error, "sendmsg", kSend);
      if (Status ready = waitFor(POLLOUT, limits_.stall); !ready) return ready;
      continue;
    }
    // The descriptors went with the first byte.
    begun = true;
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    size_t left = static_cast<size_t>(sent);
    while (message.msg_iovlen > 0 && left >= message.msg_iov->iov_len) {
      left -= message.msg_iov->iov_len;
      ++message.msg_iov;
      --message.msg_iovlen;
    }
    if (message.msg_iovlen == 0) return {};
    message.msg_iov->iov_base = static_cast<uint8_t*>(message.msg_iov->iov_base) + left;
    message.msg_iov->iov_len -= left;
  }
}

// All of `into`. `descriptors` takes what comes with its first byte; what comes with later ones the kernel
// closes, since there is no room for it.
Status Socket::fill(Bytes into, std::vector<UniqueFd>* descriptors, std::optional<Milliseconds> firstByte) {
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  bool begun = descriptors == nullptr;
  const bool header = !begun;
  while (into.size > 0) {
    iovec piece{into.data, into.size};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!begun) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
    }
    const ssize_t got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      if (meansGone(error)) return gone(kReceive, "the peer has closed the connection", error);
      if (error != EAGAIN) return Failure::system(error, "recvmsg", kReceive);
      if (Status ready = waitFor(POLLIN, begun ? limits_.stall : firstByte); !ready) return ready;
      continue;
    }
    if (!begun) {
      collect(message, descriptors);
      if ((message.msg_flags & MSG_CTRUNC) != 0) {
        // The buffer holds as many as any message can carry, so it was the table of this process.
        return Failure::system(EMFILE, "recvmsg", kReceive, "no descriptor free for those in the message");
      }
      if (descriptors->size() > limits_.mostDescriptors) {
        return Failure::because(Reason::kMalformed, kReceive,
                                std::to_string(descriptors->size()) + " descriptors, where at most " +
                                    std::to_string(limits_.mostDescriptors) + " are allowed");
      }
    }
    if (got == 0) {
      return gone(kReceive, header && !begun ? "the peer has closed the connection"
                                             : "the peer has closed the connection in mid-message");
    }
    begun = true;
    into = into.from(static_cast<size_t>(got));
  }
  return {};
}

Result<Incoming> Socket::receive(std::optional<Milliseconds> timeout) {
  if (unread_ > 0) {
    return Failure::because(Reason::kInvalidArgument, kReceive, "the message before was not read to its end");
  }
  Incoming incoming;
  if (Status filled = fill(Bytes{reinterpret_cast<uint8_t*>(&incoming.header), sizeof(Header)},
                           &incoming.descriptors, timeout);
      !filled) {
    return std::move(filled).failure();
  }
  const Header& header = incoming.header;
  const uint32_t type = header.flags & kFlagTypeMask;
  if (header.msg_size < sizeof(Header) || header.msg_size > limits_.largestMessage) {
    return Failure::because(Reason::kMalformed, kReceive,
                            commandName(header.cmd) + " of " + std::to_string(header.msg_size) +
                                " bytes; a message has between 16 and " +
                                std::to_string(limits_.largestMessage));
  }
  if (type != kFlagCommand && type != kFlagReply) {
    return Failure::because(
        Reason::kMalformed, kReceive,
        commandName(header.cmd) + " of type " + std::to_string(type) + ", neither command nor reply");
  }
  unread_ = incoming.payloadSize();
  return incoming;
}

Status Socket::payload(Bytes into) {
  if (into.size > unread_) {
    return Failure::because(
        Reason::kInvalidArgument, kReceive,
        std::to_string(into.size) + " bytes of a payload that has " + std::to_string(unread_) + " left");
  }
  if (Status filled = fill(into, nullptr, std::nullopt); !filled) return filled;
  unread_ -= into.size;
  return {};
}

Result<std::vector<uint8_t>> Socket::rest(size_t most) {
  if (unread_ > most) {
    return Failure::because(
        Reason::kMalformed, kReceive,
        std::to_string(unread_) + " bytes of payload, where at most " + std::to_string(most) + " belong");
  }
  std::vector<uint8_t> bytes(unread_);
  if (Status filled = payload(Bytes{bytes.data(), bytes.size()}); !filled) return std::move(filled).failure();
  return bytes;
}

Status Socket::drain() {
  uint8_t discarded[4096];
  while (unread_ > 0) {
    if (Status filled = payload(Bytes{discarded, std::min(unread_, sizeof discarded)}); !filled)
      return filled;
  }
  return {};
}

void Socket::shutdown() noexcept { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace vfm::vfio_user
