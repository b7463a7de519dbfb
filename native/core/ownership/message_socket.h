// SPDX-License-Identifier: MIT
// A UNIX socket that carries short messages with descriptors beside them (SCM_RIGHTS).
//
// SOCK_SEQPACKET: the kernel keeps each message and its descriptors together, and a message is there whole or
// not at all, so no peer can leave a reader in the middle of one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/io/cancellation.h"
#include "core/io/peer.h"

namespace vfm {

struct Message {
  std::vector<uint8_t> bytes;
  std::vector<UniqueFd> descriptors;  // close-on-exec
};

// One sender and one receiver at a time; the two may be different threads. Nothing here waits past cancel().
class MessageSocket {
 public:
  static constexpr size_t kLargestMessage = 32 << 10;  // bytes
  static constexpr size_t kMostDescriptors = 8;
  static constexpr int kForEver = -1;

  // Reason::kInvalidArgument unless it is a connected SOCK_SEQPACKET socket of AF_UNIX.
  static Result<std::shared_ptr<MessageSocket>> over(UniqueFd fd);
  // ENOENT: nothing there; ECONNREFUSED: nobody listens any more; EACCES; ETIMEDOUT: its backlog stays full.
  static Result<std::shared_ptr<MessageSocket>> connect(const std::string& path, int timeoutMilliseconds);

  MessageSocket(const MessageSocket&) = delete;
  MessageSocket& operator=(const MessageSocket&) = delete;

  Result<Peer> peer() const { return peerOf(fd_.get()); }

  // `descriptors` are borrowed. EPIPE: the peer is gone; ETIMEDOUT: it does not read;
  // Reason::kInvalidArgument: empty or larger than the limits.
  Status send(ConstBytes bytes, const std::vector<int>& descriptors, int timeoutMilliseconds);

  // The next message; nothing when the peer has closed. ETIMEDOUT. Reason::kMalformed: larger than the
  // limits, or with descriptors that did not all arrive; what did arrive is closed, and the connection is
  // still good.
  Result<std::optional<Message>> receive(int timeoutMilliseconds);

  // From any thread: calls in progress and all later ones answer Reason::kCancelled.
  void cancel() noexcept { cancellation_->cancel(); }

 private:
  MessageSocket(UniqueFd fd, std::shared_ptr<Cancellation> cancellation)
      : fd_(std::move(fd)), cancellation_(std::move(cancellation)) {}

  const UniqueFd fd_;
  const std::shared_ptr<Cancellation> cancellation_;
};

class MessageListener {
 public:
  // Binds and listens, with the node's mode 0600. EADDRINUSE: the path exists. Reason::kInvalidArgument: a
  // path longer than the 107 bytes an address takes. The node stays when the listener goes.
  static Result<std::shared_ptr<MessageListener>> listen(const std::string& path);

  // The next connection. Reason::kCancelled after cancel(). EMFILE waits for descriptors, it is not answered.
  Result<std::shared_ptr<MessageSocket>> accept();
  void cancel() noexcept { cancellation_->cancel(); }

 private:
  MessageListener(UniqueFd fd, std::shared_ptr<Cancellation> cancellation)
      : fd_(std::move(fd)), cancellation_(std::move(cancellation)) {}

  const UniqueFd fd_;
  const std::shared_ptr<Cancellation> cancellation_;
};

}  // namespace vfm
