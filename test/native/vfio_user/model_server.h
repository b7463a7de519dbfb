// SPDX-License-Identifier: MIT
// The smallest vfio-user server a client can be tried with: a v2 device with a mappable BAR, written from the
// protocol's text alone and sharing no code with the project's server. What it sends can be spoiled on the
// way.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/vfio_user/client_device.h"

namespace vfm::test {

using Buffer = std::vector<uint8_t>;

template <typename Struct>
void append(Buffer& to, const Struct& value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof value);
}
template <typename Struct>
Struct at(const Buffer& from, size_t offset) {
  Struct value{};
  if (from.size() >= offset + sizeof value) std::memcpy(&value, from.data() + offset, sizeof value);
  return value;
}

struct WireMessage {
  Buffer bytes;                  // header included
  std::vector<int> descriptors;  // borrowed
};

class ModelServer {
 public:
  static constexpr uint32_t kBarBytes = 0x4000;  // its second and third page can be mapped
  // Told each message that is about to be sent; what it leaves in the list is sent, then, if it answers
  // false, the connection is closed.
  using Spoil = std::function<bool(std::vector<WireMessage>&)>;
  // Told each request; true: it is taken care of (or left without an answer).
  using Intercept = std::function<bool(ModelServer&, const vfio_user::Header&, const Buffer&)>;

  // May be changed while the server runs: a call in progress keeps what it began with.
  class InterceptSlot {
   public:
    InterceptSlot& operator=(Intercept intercept) {
      auto fresh = intercept ? std::make_shared<const Intercept>(std::move(intercept)) : nullptr;
      std::lock_guard lock(mutex_);
      intercept_ = std::move(fresh);
      return *this;
    }
    bool operator()(ModelServer& server, const vfio_user::Header& header, const Buffer& payload) {
      std::shared_ptr<const Intercept> present;
      {
        std::lock_guard lock(mutex_);
        present = intercept_;
      }
      return present && (*present)(server, header, payload);
    }

   private:
    std::mutex mutex_;
    std::shared_ptr<const Intercept> intercept_;
  };

  ModelServer() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    client_.reset(ends[0]);
    socket_.reset(ends[1]);
  }
  ~ModelServer() { stop(); }

  Spoil spoil;
  InterceptSlot intercept;
  std::string json = R"({"capabilities":{"max_msg_fds":8,"migration":{"pgsize":4096}}})";
  std::vector<int> versionDescriptors;
  bool withDescriptor = true;
  uint32_t sealing = F_SEAL_SHRINK;
  std::atomic<uint32_t> state{2};
  Buffer saved = Buffer(100'000, 0x5a);  // what MIG_DATA_READ gives
  Buffer loaded;                         // what MIG_DATA_WRITE brought
  std::vector<uint64_t> mapped;          // iovas
  std::vector<Buffer> irqRequests;       // payloads of SET_IRQS
  std::vector<size_t> irqDescriptors;
  std::vector<uint16_t> commands;  // as they came
  Buffer bar = Buffer(kBarBytes, 0);

  void start() {
    memory_.reset(::memfd_create("bar", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(memory_.get(), kBarBytes) == 0);
    REQUIRE(::fcntl(memory_.get(), F_ADD_SEALS, sealing) == 0);
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }
  int memory() const { return memory_.get(); }
  int socket() const { return socket_.get(); }

  Result<std::shared_ptr<vfio_user::ClientDevice>> connect(
      const vfio_user::ClientOptions& options = quick(20'000)) {
    auto connection = vfio_user::ClientConnection::over(
        std::make_unique<vfio_user::Socket>(std::move(client_), vfio_user::ClientConnection::limits(options)),
        options);
    if (!connection) return std::move(connection).failure();
    return vfio_user::ClientDevice::over(std::move(*connection));
  }
  static vfio_user::ClientOptions quick(int milliseconds = 20'000) {
    vfio_user::ClientOptions options;
    options.connectTimeout = options.requestTimeout = options.stateTimeout =
        vfio_user::Milliseconds(milliseconds);
    options.twinSocket = false;
    return options;
  }

  // Also for tests that answer by themselves.
  void reply(const vfio_user::Header& to, const Buffer& payload, std::vector<int> descriptors = {},
             uint32_t error = 0) {
    vfio_user::Header header{to.msg_id, to.cmd, static_cast<uint32_t>(16 + payload.size()),
                             error ? vfio_user::kFlagReply | vfio_user::kFlagError : vfio_user::kFlagReply,
                             error};
    WireMessage message;
    append(message.bytes, header);
    message.bytes.insert(message.bytes.end(), payload.begin(), payload.end());
    message.descriptors = std::move(descriptors);
    send({message});
  }
  void fail(const vfio_user::Header& to, uint32_t error) { reply(to, {}, {}, error); }
  void send(std::vector<WireMessage> messages) {
    const bool stays = !spoil || spoil(messages);
    for (const WireMessage& message : messages) sendRaw(socket_.get(), message);
    if (!stays) ::shutdown(socket_.get(), SHUT_RDWR);
  }
  static void sendRaw(int socket, const WireMessage& message) {
    if (message.bytes.empty()) return;
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(64 * sizeof(int))] = {};
    iovec piece{const_cast<uint8_t*>(message.bytes.data()), message.bytes.size()};
    msghdr wire{};
    wire.msg_iov = &piece;
    wire.msg_iovlen = 1;
    if (!message.descriptors.empty()) {
      const size_t size = message.descriptors.size() * sizeof(int);
      wire.msg_control = control;
      wire.msg_controllen = CMSG_SPACE(size);
      cmsghdr* rights = CMSG_FIRSTHDR(&wire);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(rights), message.descriptors.data(), size);
    }
    // One message a call: those of the tests fit the socket's buffer, or their loss is part of the test.
    if (::sendmsg(socket, &wire, MSG_NOSIGNAL) < 0) return;
  }

  // Receives one message; false at the end. Descriptors are counted and closed.
  static bool receive(int socket, vfio_user::Header& header, Buffer& payload, size_t* descriptors) {
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(64 * sizeof(int))] = {};
    iovec piece{&header, sizeof header};
    msghdr wire{};
    wire.msg_iov = &piece;
    wire.msg_iovlen = 1;
    wire.msg_control = control;
    wire.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(socket, &wire, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    *descriptors = 0;
    for (cmsghdr* each = got > 0 ? CMSG_FIRSTHDR(&wire) : nullptr; each; each = CMSG_NXTHDR(&wire, each)) {
      for (size_t i = 0; i < (each->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
        ::close(fd);
        ++*descriptors;
      }
    }
    if (got != sizeof header || header.msg_size < sizeof header) return false;
    payload.resize(header.msg_size - sizeof header);
    return payload.empty() || ::recv(socket, payload.data(), payload.size(), MSG_WAITALL) ==
                                  static_cast<ssize_t>(payload.size());
  }

 private:
  void run() {
    vfio_user::Header header;
    Buffer payload;
    size_t descriptors;
    while (receive(socket_.get(), header, payload, &descriptors)) {
      const bool reply = (header.flags & vfio_user::kFlagTypeMask) == vfio_user::kFlagReply;
      if (!reply) commands.push_back(header.cmd);
      if (!reply && header.cmd == 8) irqDescriptors.push_back(descriptors);
      if (!intercept(*this, header, payload) && !reply) answer(header, payload);
    }
  }

  void answer(const vfio_user::Header& header, const Buffer& asked) {
    Buffer out;
    switch (header.cmd) {
      case 1:
        append(out, uint32_t{0x0002'0000});
        out.insert(out.end(), json.begin(), json.end());
        out.push_back(0);
        return reply(header, out, versionDescriptors);
      case 2:
        mapped.push_back(at<uint64_t>(asked, 16));
        return reply(header, {});
      case 3:
        return reply(header, asked);
      case 4:
        for (uint32_t word : {16u, 3u, 9u, 5u}) append(out, word);
        return reply(header, out);
      case 5:
        return answerRegion(header, asked);
      case 7:
        for (uint32_t word : {16u, 1u, at<uint32_t>(asked, 8), 4u}) append(out, word);
        return reply(header, out);
      case 8:
        irqRequests.push_back(asked);
        return reply(header, {});
      case 9:
      case 10:
        return answerAccess(header, asked);
      case 13:
        state = 2;
        return reply(header, {});
      case 16:
        return answerFeature(header, asked);
      case 17:
        return answerRead(header, asked);
      case 18:
        if (state != 4) return fail(header, EINVAL);
        loaded.insert(loaded.end(), asked.begin() + 8, asked.end());
        return reply(header, {});
      default:
        return fail(header, EINVAL);
    }
  }

  void answerRegion(const vfio_user::Header& header, const Buffer& asked) {
    const auto argsz = at<uint32_t>(asked, 0), index = at<uint32_t>(asked, 8);
    Buffer out;
    const bool bar = index == 0;
    const bool room = argsz >= 64;
    for (uint32_t word : {bar ? 64u : 32u, bar ? (room ? 15u : 7u) : 0u, index, bar && room ? 32u : 0u})
      append(out, word);
    append(out, uint64_t{bar ? kBarBytes : 0});
    append(out, uint64_t{0});
    if (!bar || !room) return reply(header, out);
    for (uint32_t word : {0x0001'0001u, 0u, 1u, 0u}) append(out, word);
    append(out, uint64_t{0x1000});
    append(out, uint64_t{0x2000});
    if (withDescriptor) return reply(header, out, {memory_.get()});
    reply(header, out);
  }

  void answerAccess(const vfio_user::Header& header, const Buffer& asked) {
    const auto offset = at<uint64_t>(asked, 0);
    const auto count = at<uint32_t>(asked, 12);
    if (offset > bar.size() || count > bar.size() - offset) return fail(header, EINVAL);
    Buffer out(asked.begin(), asked.begin() + 16);
    if (header.cmd == 9) {
      out.insert(out.end(), bar.begin() + static_cast<ptrdiff_t>(offset),
                 bar.begin() + static_cast<ptrdiff_t>(offset + count));
    } else {
      std::copy(asked.begin() + 16, asked.end(), bar.begin() + static_cast<ptrdiff_t>(offset));
    }
    reply(header, out);
  }

  void answerFeature(const vfio_user::Header& header, const Buffer& asked) {
    const auto flags = at<uint32_t>(asked, 4);
    const uint32_t feature = flags & 0xffff;
    if (feature != 1 && feature != 2 && feature != 6 && feature != 7 && feature != 8)
      return fail(header, EINVAL);
    if ((flags & (1u << 18)) != 0) return reply(header, asked);
    Buffer out(asked.begin(), asked.begin() + 8);
    if (feature == 2 && (flags & (1u << 17)) != 0) {
      state = at<uint32_t>(asked, 8);
      return reply(header, asked);
    }
    if (feature == 1) append(out, uint64_t{5});
    if (feature == 2) append(out, uint64_t{state.load() | uint64_t{0xffffffff} << 32});
    if (feature == 6 || feature == 7) return reply(header, asked);
    if (feature == 8) {
      out.insert(out.end(), asked.begin() + 8, asked.begin() + 32);
      const size_t words = (at<uint64_t>(asked, 16) / 4096 + 63) / 64;
      append(out, uint64_t{2});  // the second page
      out.resize(out.size() + (words - 1) * 8);
    }
    reply(header, out);
  }

  // Padded to what was asked for, as libvfio-user does.
  void answerRead(const vfio_user::Header& header, const Buffer& asked) {
    const auto wanted = at<uint32_t>(asked, 4);
    if (state != 3 && state != 6) return fail(header, EINVAL);
    const auto size = static_cast<uint32_t>(std::min<size_t>(wanted, saved.size()));
    Buffer out;
    append(out, 8 + size);
    append(out, size);
    out.insert(out.end(), saved.begin(), saved.begin() + size);
    saved.erase(saved.begin(), saved.begin() + size);
    out.resize(8 + wanted);
    reply(header, out);
  }

  UniqueFd client_;
  UniqueFd socket_;
  UniqueFd memory_;
  std::thread thread_;
};

}  // namespace vfm::test
