// SPDX-License-Identifier: MIT
// Whole messages over a UNIX stream socket, for either end of vfio-user. Bounded in size, descriptors and
// time; a peer may go away at any byte, send a byte at a time, or descriptors nobody asked for.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/vfio_user/protocol.h"

namespace vfm::vfio_user {

using Milliseconds = std::chrono::milliseconds;

struct SocketLimits {
  // Header included. What goes beyond the largest data transfer is room for structs and dirty bitmaps.
  size_t largestMessage = sizeof(Header) + (size_t{1} << 20) + (size_t{64} << 10);
  // In one message from the peer. More than that is Reason::kMalformed.
  size_t mostDescriptors = 8;
  // The longest that a message may make no progress once it has begun, in either direction.
  Milliseconds stall{10'000};
};

// A message whose header has arrived. Descriptors that its receiver does not take are closed with it.
struct Incoming {
  Header header{};
  std::vector<UniqueFd> descriptors;
  size_t payloadSize() const { return header.msg_size - sizeof(Header); }
  bool isReply() const { return (header.flags & kFlagTypeMask) == kFlagReply; }
  // The errno of an error reply (EINVAL where it has none), else 0.
  int error() const;
};

// Failures of all calls: Reason::kDisconnected (the peer has gone, at whatever byte; or shutdown()),
// Reason::kTimedOut (no progress for SocketLimits::stall), Reason::kMalformed (an impossible header, too many
// descriptors), and the errnos of sendmsg, recvmsg and poll. After any of them the borders of messages are
// lost and the connection is of no more use; except that a send's Reason::kSystem and kInvalidArgument mean
// that nothing was sent.
class Socket {
 public:
  // To a listening socket; a full backlog is waited for until `timeout`. The path may be longer than
  // sockaddr_un holds. ENOENT, ECONNREFUSED (nobody listens), EACCES, ...
  static Result<std::unique_ptr<Socket>> connect(const std::string& path, const SocketLimits& limits,
                                                 Milliseconds timeout);

  // A connected SOCK_STREAM socket of the AF_UNIX family, blocking or not.
  Socket(UniqueFd fd, const SocketLimits& limits) : fd_(std::move(fd)), limits_(limits) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return fd_.get(); }  // borrowed
  const SocketLimits& limits() const { return limits_; }

  // One message, whole, from any thread: header (its msg_size is filled in here), then the parts, in one
  // sendmsg as long as the socket buffer takes it (libvfio-user's server needs that). `descriptors` are
  // borrowed. Reason::kInvalidArgument, and nothing sent: more than the limits allow.
  Status send(Header header, std::initializer_list<ConstBytes> parts,
              const std::vector<int>& descriptors = {});

  // Receiving is one thread's affair: the next header, then all of its payload by payload() or drain().
  // Waits without an end for a message to begin, or, with `timeout`, Reason::kTimedOut: that one does no
  // harm.
  Result<Incoming> receive(std::optional<Milliseconds> timeout = std::nullopt);
  // The next bytes of the present message's payload. Reason::kInvalidArgument: it has not so many left.
  Status payload(Bytes into);
  // Whatever is left of it, for small messages. Reason::kMalformed: more than `most` bytes.
  Result<std::vector<uint8_t>> rest(size_t most);
  // Throws away whatever is left of it.
  Status drain();

  // From any thread: every call, now and later, here and at the peer, ends.
  void shutdown() noexcept;

 private:
  Status fill(Bytes into, std::vector<UniqueFd>* descriptors, std::optional<Milliseconds> firstByte);
  Status waitFor(short event, std::optional<Milliseconds> timeout) const;

  UniqueFd fd_;
  SocketLimits limits_;
  std::mutex sending_;  // held over one message
  size_t unread_ = 0;   // of the present message's payload
};

}  // namespace vfm::vfio_user
