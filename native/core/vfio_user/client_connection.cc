// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_connection.h"

#include <algorithm>
#include <cstring>

namespace vfm::vfio_user {
namespace {

using Clock = std::chrono::steady_clock;

// What a client takes in one message. libvfio-user's own default.
constexpr uint32_t kMostDescriptors = 8;
// A reply with a dirty bitmap can be large; what may be in it is decided by who asked for it.
constexpr size_t kLargestMessage = size_t{1} << 30;
// libvfio-user sends the payload of the request back with an error; nothing else belongs there.
constexpr size_t kMostOfErrorReply = 64 << 10;

std::string nameOf(const ClientRequest& request) {
  if (!request.operation.empty()) return request.operation;
  return commandName(static_cast<uint16_t>(request.command));
}

}  // namespace

struct ClientConnection::Pending {
  uint16_t id = 0;
  const ClientRequest* request = nullptr;  // valid until `done`, or `abandoned` with nobody filling
  std::string operation;
  uint16_t command = 0;
  Milliseconds timeout{0};
  Clock::time_point since;  // when it became the oldest
  bool filling = false;     // the receiver is writing to the request's buffers
  bool abandoned = false;
  bool done = false;
  int error = 0;
  ClientReply reply;
};

SocketLimits ClientConnection::limits(const ClientOptions& options) {
  SocketLimits limits;
  limits.largestMessage = kLargestMessage;
  limits.mostDescriptors = kMostDescriptors;
  // A server that does one thing at a time reads nothing while it changes its state.
  limits.stall = std::max(options.requestTimeout, options.stateTimeout);
  return limits;
}

ClientConnection::ClientConnection(std::unique_ptr<Socket> socket, const ClientOptions& options)
    : options_(options),
      socket_(std::move(socket)),
      maxTransfer_(options.maxTransfer),
      dma_(options.maxTransfer) {}

Result<std::shared_ptr<ClientConnection>> ClientConnection::open(const std::string& path,
                                                                 const ClientOptions& options) {
  auto socket = Socket::connect(path, limits(options), options.connectTimeout);
  if (!socket) return std::move(socket).failure();
  return over(std::move(*socket), options);
}

Result<std::shared_ptr<ClientConnection>> ClientConnection::over(std::unique_ptr<Socket> socket,
                                                                 const ClientOptions& options) {
  std::shared_ptr<ClientConnection> connection(new ClientConnection(std::move(socket), options));
  if (Status agreed = connection->negotiate(); !agreed) return std::move(agreed).failure();
  if (Status started = connection->start(connection->main_, *connection->socket_); !started)
    return std::move(started).failure();
  if (connection->twin_) {
    if (Status started = connection->start(connection->dmaOnly_, *connection->twin_); !started)
      return std::move(started).failure();
  }
  return connection;
}

ClientConnection::~ClientConnection() { end(Failure::because(Reason::kClosed, "connection")); }

Status ClientConnection::start(std::unique_ptr<JoinedThread>& thread, Socket& socket) {
  auto started = JoinedThread::start("vfm:vfio-user", [this, &socket] {
    Status received;
    while (received) received = receiveOne(socket);
    end(std::move(received).failure());
  });
  if (!started) return std::move(started).failure();
  thread = std::move(*started);
  return {};
}

// Before any receiver runs, so that this thread may receive.
Status ClientConnection::negotiate() {
  Version ours;
  ours.capabilities.maxMessageDescriptors = kMostDescriptors;
  ours.capabilities.maxTransfer = options_.maxTransfer;
  ours.capabilities.twinSocket.supported = options_.twinSocket;
  const std::vector<uint8_t> payload = formatVersion(ours);
  const Header header{0, static_cast<uint16_t>(Command::kVersion), 0, kFlagCommand, 0};
  if (Status sent = socket_->send(header, {ConstBytes{payload.data(), payload.size()}}); !sent) return sent;

  auto incoming = socket_->receive(options_.connectTimeout);
  if (!incoming) return std::move(incoming).failure();
  if (!incoming->isReply() || incoming->header.msg_id != 0 || incoming->header.cmd != header.cmd) {
    return Failure::because(Reason::kMalformed, "VERSION",
                            "answered with " + commandName(incoming->header.cmd));
  }
  auto answer = socket_->rest(kMostOfErrorReply);
  if (!answer) return std::move(answer).failure();
  if (const int error = incoming->error()) {
    return Failure::system(error, "vfio-user", "VERSION", "the server refuses what this client offers");
  }
  auto version = parseVersion(ConstBytes{answer->data(), answer->size()});
  if (!version) return std::move(version).failure();
  if (version->major != kMajor || version->minor > kMinor) {
    return Failure::because(Reason::kVersion, "VERSION",
                            "the server answers " + std::to_string(version->major) + "." +
                                std::to_string(version->minor) + ", this client speaks " +
                                std::to_string(kMajor) + "." + std::to_string(kMinor) + " and before");
  }
  server_ = *version;
  const Capabilities& theirs = server_.capabilities;
  maxTransfer_ = static_cast<uint32_t>(std::min<uint64_t>(options_.maxTransfer, theirs.maxTransfer));
  if (!theirs.twinSocket.supported || !options_.twinSocket) return {};
  const uint32_t index = theirs.twinSocket.descriptor.value_or(UINT32_MAX);
  if (index >= incoming->descriptors.size()) {
    return Failure::because(Reason::kMalformed, "VERSION", "a twin socket was promised and none came");
  }
  twin_ = std::make_unique<Socket>(std::move(incoming->descriptors[index]), limits(options_));
  return {};
}

Status ClientConnection::receiveOne(Socket& socket) {
  auto incoming = socket.receive();
  if (!incoming) return std::move(incoming).failure();
  if (!incoming->isReply()) return dma_.serve(socket, *incoming);
  if (&socket != socket_.get()) {
    return Failure::because(Reason::kMalformed, "vfio-user", "a reply on the socket of DMA requests");
  }
  return takeReply(std::move(*incoming));
}

Status ClientConnection::takeReply(Incoming incoming) {
  const Header& header = incoming.header;
  std::shared_ptr<Pending> pending;
  uint64_t sequence = 0;
  {
    std::lock_guard lock(mutex_);
    // What had arrived before the end still does, but those who asked are gone.
    if (dead_) return cause_;
    for (const auto& [age, candidate] : outstanding_) {
      if (candidate->id != header.msg_id) continue;
      pending = candidate;
      sequence = age;
    }
    if (!pending || pending->command != header.cmd) {
      return Failure::because(Reason::kMalformed, "vfio-user",
                              "a reply to " + commandName(header.cmd) + " number " +
                                  std::to_string(header.msg_id) + ", which nobody asked");
    }
    pending->filling = !pending->abandoned;
  }
  const bool wanted = pending->filling;
  pending->error = incoming.error();
  Status filled;
  if (wanted && pending->error == 0) {
    filled = fillReply(*pending, incoming);
  } else if (incoming.payloadSize() > kMostOfErrorReply + sizeof(RegionAccessPayload) + maxTransfer_) {
    filled = Failure::because(Reason::kMalformed, pending->operation,
                              "an answer of " + std::to_string(incoming.payloadSize()) + " bytes");
  } else {
    filled = socket_->drain();
  }
  std::lock_guard lock(mutex_);
  pending->filling = false;
  if (filled) {
    pending->done = true;
    pending->reply.descriptors = std::move(incoming.descriptors);
    forget(sequence);
  } else {
    endLocked(filled.failure());  // before a waiter can see that nobody is filling
  }
  changed_.notify_all();
  return filled;
}

Status ClientConnection::fillReply(Pending& pending, const Incoming& incoming) {
  const ClientRequest& request = *pending.request;
  const size_t size = incoming.payloadSize();
  if (size < request.fixed.size || size - request.fixed.size > request.data.size) {
    return Failure::because(Reason::kMalformed, pending.operation,
                            "an answer of " + std::to_string(size) + " bytes, where " +
                                std::to_string(request.fixed.size) + " to " +
                                std::to_string(request.fixed.size + request.data.size) + " were expected");
  }
  if (Status filled = socket_->payload(request.fixed); !filled) return filled;
  pending.reply.data = size - request.fixed.size;
  return socket_->payload(request.data.first(pending.reply.data));
}

Result<ClientReply> ClientConnection::call(const ClientRequest& request) {
  auto pending = std::make_shared<Pending>();
  pending->request = &request;
  pending->operation = nameOf(request);
  pending->command = static_cast<uint16_t>(request.command);
  pending->timeout = request.timeout;
  if (request.parts.size() > 3) return Failure::because(Reason::kInvalidArgument, pending->operation);
  auto part = [&](size_t i) { return i < request.parts.size() ? request.parts[i] : ConstBytes{}; };

  std::unique_lock lock(mutex_);
  if (dead_) {
    Failure failure = ended(pending->operation);
    failure.reason = cause_.reason == Reason::kCancelled || cause_.reason == Reason::kClosed
                         ? Reason::kClosed
                         : Reason::kDisconnected;
    return failure;
  }
  const uint64_t sequence = nextSequence_++;
  // Unique among those outstanding: there is room for 65,536, and a caller waits for each that is not
  // abandoned.
  pending->id = static_cast<uint16_t>(sequence);
  if (outstanding_.size() > UINT16_MAX / 2) {
    return Failure::because(Reason::kBusy, pending->operation, "too many requests without an answer");
  }
  outstanding_.emplace(sequence, pending);
  restartClock();
  lock.unlock();
  Status sent = socket_->send({pending->id, pending->command, 0, kFlagCommand, 0},
                              {part(0), part(1), part(2)}, request.descriptors);
  lock.lock();
  if (!sent) {
    const Reason reason = sent.failure().reason;
    // Nothing was sent: this request fails, the connection does not.
    if (reason == Reason::kSystem || reason == Reason::kInvalidArgument) {
      changed_.wait(lock, [&] { return !pending->filling; });  // of an answer that came before the question
      forget(sequence);
      changed_.notify_all();
      Failure failure = std::move(sent).failure();
      failure.operation = pending->operation;
      return failure;
    }
    endLocked(sent.failure());
  }

  for (;;) {
    if (pending->done) {
      if (pending->error == 0) return std::move(pending->reply);
      return Failure::system(pending->error, "vfio-user", pending->operation);
    }
    // While the receiver fills the request's buffers nobody may leave; where the connection is dead that is
    // over at once.
    if (dead_ && pending->filling) {
      changed_.wait(lock);
      continue;
    }
    if (dead_) return ended(pending->operation);
    if (!pending->filling && request.cancelled && *request.cancelled) {
      pending->abandoned = true;
      return Failure::because(Reason::kCancelled, pending->operation);
    }
    const Pending& oldest = *outstanding_.begin()->second;
    const auto deadline = oldest.since + oldest.timeout;
    if (Clock::now() >= deadline) {
      endLocked(Failure{Reason::kTimedOut, ETIMEDOUT, "vfio-user", oldest.operation,
                        "no answer for " + std::to_string(oldest.timeout.count()) + " ms"});
      continue;
    }
    changed_.wait_until(lock, deadline);
  }
}

void ClientConnection::restartClock() {
  if (outstanding_.empty()) return;
  Pending& oldest = *outstanding_.begin()->second;
  if (oldest.since == Clock::time_point()) oldest.since = Clock::now();
}

void ClientConnection::forget(uint64_t sequence) {
  outstanding_.erase(sequence);
  restartClock();
}

void ClientConnection::wake() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void ClientConnection::end(Failure failure) {
  std::lock_guard lock(mutex_);
  endLocked(failure);
}

void ClientConnection::endLocked(const Failure& failure) {
  if (dead_) return;
  dead_ = true;
  cause_ = failure;
  socket_->shutdown();
  if (twin_) twin_->shutdown();
  changed_.notify_all();
}

Failure ClientConnection::ended(const std::string& operation) const {
  Failure failure = cause_;
  failure.detail = failure.operation + (failure.detail.empty() ? "" : ": " + failure.detail);
  failure.operation = operation;
  return failure;
}

}  // namespace vfm::vfio_user
