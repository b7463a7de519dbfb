// SPDX-License-Identifier: MIT
#include "core/vfio_user/server_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/threads/joined_thread.h"

namespace vfm::vfio_user {
namespace {

// What goes beyond the largest data transfer is room for structs, JSON and dirty bitmaps.
constexpr size_t kBeyondTransfer = size_t{64} << 10;

SocketLimits limitsOf(const ServeOptions& options) {
  SocketLimits limits;
  limits.largestMessage = sizeof(Header) + static_cast<size_t>(options.maxTransfer) + kBeyondTransfer;
  limits.mostDescriptors = options.maxMessageDescriptors;
  limits.stall = options.stall;
  return limits;
}

std::string sentence(const Failure& failure) {
  // Closing is how a client takes its leave.
  if (failure.reason == Reason::kDisconnected && failure.detail == "the peer has closed the connection")
    return {};
  return failure.operation + ": " + failure.detail;
}

bool hungUp(int socket, Milliseconds wait) {
  pollfd watched{socket, POLLRDHUP, 0};
  return ::poll(&watched, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace

Connection::Connection(UniqueFd client, std::shared_ptr<Device> device, const ServeOptions& options)
    : device_(std::move(device)),
      options_(options),
      socket_(std::make_shared<Socket>(std::move(client), limitsOf(options))) {}

Status Connection::refuse(const Header& header, int error) {
  return socket_->send(
      Header{header.msg_id, header.cmd, 0, kFlagReply | kFlagError, static_cast<uint32_t>(error)}, {});
}

bool Connection::negotiate(End& end) {
  auto incoming = socket_->receive(options_.handshake);
  if (!incoming) {
    end.why = sentence(incoming.failure());
    return false;
  }
  const Header header = incoming->header;
  auto payload = socket_->rest(kBeyondTransfer);
  if (!payload) {
    end.why = sentence(payload.failure());
    return false;
  }
  const bool isVersion = !incoming->isReply() && header.cmd == static_cast<uint16_t>(Command::kVersion);
  auto asked = parseVersion(ConstBytes{payload->data(), payload->size()});
  if (!isVersion || !asked || asked->major != kMajor || !incoming->descriptors.empty()) {
    static_cast<void>(refuse(header, EINVAL));
    end.why = !isVersion               ? "began with " + commandName(header.cmd) + " instead of VERSION"
              : !asked                 ? sentence(asked.failure())
              : asked->major != kMajor ? "speaks version " + std::to_string(asked->major) + ".x"
                                       : "sent descriptors with its VERSION";
    return false;
  }
  if (!offer(header, *asked, asked->capabilities.twinSocket.supported)) {
    end.why = "went, or ran this process out of descriptors, during the negotiation";
    return false;
  }
  return true;
}

bool Connection::offer(const Header& header, const Version& asked, bool twinAsked) {
  Version version;
  version.minor = std::min(asked.minor, kMinor);
  Capabilities& ours = version.capabilities;
  ours.maxMessageDescriptors = options_.maxMessageDescriptors;
  ours.maxTransfer = options_.maxTransfer;
  ours.maxDmaMaps = options_.maxDmaMaps;
  ours.writeMultiple = asked.capabilities.writeMultiple;
  ours.reassembles = true;

  const uint64_t maxTransfer = std::min(options_.maxTransfer, asked.capabilities.maxTransfer);
  const DmaMessageOptions dma{maxTransfer, options_.dmaReply};
  UniqueFd forClient;
  if (twinAsked && options_.twinSocket) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
    forClient.reset(pair[1]);
    ours.twinSocket = {true, 0};
    dma_ = std::make_shared<DmaMessages>(std::make_unique<Socket>(UniqueFd(pair[0]), socket_->limits()), dma);
    twin_ = true;
  } else {
    dma_ = std::make_shared<DmaMessages>(socket_, dma);
  }
  served_ = std::make_unique<ServedDevice>(device_, dma_, options_,
                                           ServedDevice::Negotiated{maxTransfer, ours.writeMultiple});
  if (served_->migrates()) ours.dirtyPageSize = WrittenPages::kPage;
  if (!served_->begin()) return false;

  const std::vector<uint8_t> payload = formatVersion(version);
  const Header reply{header.msg_id, header.cmd, 0, kFlagReply, 0};
  std::vector<int> descriptors;
  if (forClient) descriptors.push_back(forClient.get());
  return socket_->send(reply, {ConstBytes{payload.data(), payload.size()}}, descriptors).ok();
}

Connection::End Connection::run(const std::function<void(bool twinSocket)>& negotiated) {
  End end;
  end.negotiated = negotiate(end);
  if (end.negotiated) {
    negotiated(twin_);
    auto worker = JoinedThread::start("vfm:serve", [this] { work(); });
    if (worker) {
      receive(end);
    } else {
      end.why = worker.failure().operation;
    }
    dma_->disconnect();
    served_->interrupt();
    {
      std::lock_guard lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    if (worker) worker->reset();  // waits for it
  }
  if (served_) end.departure = served_->end();
  if (stopped_) end.why = "the server is closing";
  socket_->shutdown();
  return end;
}

void Connection::receive(End& end) {
  for (;;) {
    auto incoming = socket_->receive();
    if (!incoming) {
      end.why = sentence(incoming.failure());
      return;
    }
    auto payload = socket_->rest(socket_->limits().largestMessage);
    if (!payload) {
      end.why = sentence(payload.failure());
      return;
    }
    ++end.messages;
    if (incoming->isReply()) {
      if (!twin_) dma_->deliver(incoming->header, std::move(*payload));
      continue;
    }
    if (!queue({incoming->header, std::move(*payload), std::move(incoming->descriptors)})) return;
  }
}

bool Connection::hasRoom() {
  std::lock_guard lock(mutex_);
  return pending_.size() < kMostPending && pendingBytes_ < kMostPendingBytes;
}

bool Connection::queue(Pending pending) {
  while (!hasRoom()) {
    if (hungUp(socket_->descriptor(), Milliseconds(5))) return false;
  }
  std::lock_guard lock(mutex_);
  pendingBytes_ += pending.payload.size();
  pending_.push_back(std::move(pending));
  changed_.notify_all();
  return true;
}

void Connection::work() {
  for (;;) {
    Pending pending;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return over_ || !pending_.empty(); });
      if (pending_.empty() || stopped_) return;
      pending = std::move(pending_.front());
      pending_.pop_front();
      pendingBytes_ -= pending.payload.size();
    }
    answer(pending);
  }
}

void Connection::answer(Pending& pending) {
  const Header& header = pending.header;
  Request request{static_cast<Command>(header.cmd),
                  ConstBytes{pending.payload.data(), pending.payload.size()}, std::move(pending.descriptors)};
  const Reply reply = served_->answer(request);
  if ((header.flags & kFlagNoReply) != 0) return;
  Status sent;
  if (reply.error != 0) {
    sent = refuse(header, reply.error);
  } else {
    std::vector<int> descriptors;
    for (const UniqueFd& fd : reply.descriptors) descriptors.push_back(fd.get());
    sent = socket_->send(Header{header.msg_id, header.cmd, 0, kFlagReply, 0},
                         {ConstBytes{reply.payload.data(), reply.payload.size()}}, descriptors);
  }
  // Half a reply may be out: nothing more can be said to this client.
  if (!sent) socket_->shutdown();
}

void Connection::stop() {
  stopped_ = true;
  socket_->shutdown();
}

}  // namespace vfm::vfio_user
