// SPDX-License-Identifier: MIT
#include "core/vfio_user/dma_messages.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vfm::vfio_user {
namespace {

constexpr const char* kDma = "DMA by message";

Failure disconnected() { return Failure::because(Reason::kDisconnected, kDma, "the client is gone"); }
Failure unusable(std::string why) { return Failure::system(EIO, "", kDma, std::move(why)); }

}  // namespace

DmaMessages::DmaMessages(std::shared_ptr<Socket> main, const DmaMessageOptions& options)
    : socket_(std::move(main)), twin_(false), options_(options) {}

DmaMessages::DmaMessages(std::unique_ptr<Socket> twin, const DmaMessageOptions& options)
    : socket_(std::move(twin)), twin_(true), options_(options) {}

void DmaMessages::deliver(const Header& header, std::vector<uint8_t> payload) {
  std::lock_guard lock(mutex_);
  if (awaited_ != header.msg_id || reply_) return;
  reply_ = Reply{header, std::move(payload)};
  arrived_.notify_all();
}

void DmaMessages::disconnect() {
  {
    std::lock_guard lock(mutex_);
    disconnected_ = true;
    arrived_.notify_all();
  }
  if (twin_) socket_->shutdown();
}

Result<DmaMessages::Reply> DmaMessages::awaitDelivery(uint16_t id) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, options_.timeout, [this] { return reply_ || disconnected_; });
  awaited_.reset();
  std::optional<Reply> reply = std::move(reply_);
  reply_.reset();
  if (reply) return std::move(*reply);
  if (disconnected_) return disconnected();
  return unusable("no reply to message " + std::to_string(id) + " within " +
                  std::to_string(options_.timeout.count()) + " ms");
}

Result<DmaMessages::Reply> DmaMessages::receiveOnTwin(uint16_t id, size_t most) {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    auto incoming = socket_->receive(std::max(left, Milliseconds(0)));
    if (!incoming) {
      if (incoming.failure().reason == Reason::kTimedOut) return unusable("no reply on the twin socket");
      return std::move(incoming).failure();
    }
    auto payload = socket_->rest(most);
    if (!payload) return std::move(payload).failure();
    // A reply that came too late for its own request, or something that is none.
    if (!incoming->isReply() || incoming->header.msg_id != id) continue;
    return Reply{incoming->header, std::move(*payload)};
  }
}

Result<std::vector<uint8_t>> DmaMessages::exchange(Command command, uint64_t address, uint64_t count,
                                                   ConstBytes out, size_t data) {
  std::lock_guard one(exchanging_);
  const uint16_t id = nextId_++;
  {
    std::lock_guard lock(mutex_);
    if (disconnected_) return disconnected();
    reply_.reset();
    if (!twin_) awaited_ = id;
  }
  const DmaAccessPayload access{address, count};
  const Header header{id, static_cast<uint16_t>(command), 0, kFlagCommand, 0};
  if (Status sent =
          socket_->send(header, {ConstBytes{reinterpret_cast<const uint8_t*>(&access), sizeof access}, out});
      !sent) {
    return std::move(sent).failure();
  }
  auto reply = twin_ ? receiveOnTwin(id, sizeof access + static_cast<size_t>(options_.maxTransfer))
                     : awaitDelivery(id);
  if (!reply) return std::move(reply).failure();
  if ((reply->header.flags & kFlagError) != 0) {
    const uint32_t error = reply->header.error_no;
    return Failure::system(error > 0 && error < 4096 ? static_cast<int>(error) : EINVAL, "",
                           commandName(reply->header.cmd), "the client refused it");
  }
  DmaAccessPayload answered{};
  if (reply->payload.size() < sizeof answered) return unusable("a reply that is too short");
  std::memcpy(&answered, reply->payload.data(), sizeof answered);
  if (reply->header.cmd != static_cast<uint16_t>(command) || answered.address != address ||
      answered.count != count || reply->payload.size() != sizeof answered + data) {
    return unusable("a reply to something else, or with other data than it says");
  }
  return std::move(reply->payload);
}

Status DmaMessages::read(uint64_t address, Bytes into) {
  while (into.size > 0) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(into.size, options_.maxTransfer));
    auto payload = exchange(Command::kDmaRead, address, piece, {}, piece);
    if (!payload) return std::move(payload).failure();
    std::memcpy(into.data, payload->data() + sizeof(DmaAccessPayload), piece);
    into = into.from(piece);
    address += piece;
  }
  return {};
}

Status DmaMessages::write(uint64_t address, ConstBytes from) {
  while (from.size > 0) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(from.size, options_.maxTransfer));
    auto payload = exchange(Command::kDmaWrite, address, piece, from.first(piece), 0);
    if (!payload) return std::move(payload).failure();
    from = from.from(piece);
    address += piece;
  }
  return {};
}

}  // namespace vfm::vfio_user
