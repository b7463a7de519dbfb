// SPDX-License-Identifier: MIT
// A vfio-user client made of system calls alone, against a server's connection in a thread: what is tested is
// never used to test it.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/threads/joined_thread.h"
#include "core/vfio_user/server_connection.h"

namespace raw {

using namespace vfm;
using Bytevector = std::vector<uint8_t>;

struct Message {
  Bytevector bytes;
  std::vector<UniqueFd> descriptors;
  bool closed = false;  // instead of a message

  uint32_t at(size_t offset) const {
    uint32_t value = 0;
    if (offset + 4 <= bytes.size()) std::memcpy(&value, bytes.data() + offset, 4);
    return value;
  }
  uint64_t wide(size_t offset) const {
    uint64_t value = 0;
    if (offset + 8 <= bytes.size()) std::memcpy(&value, bytes.data() + offset, 8);
    return value;
  }
  uint16_t id() const { return static_cast<uint16_t>(at(0)); }
  uint16_t command() const { return static_cast<uint16_t>(at(0) >> 16); }
  bool isCommand() const { return (at(8) & 0xf) == 0; }
  int error() const { return (at(8) & 0x20) != 0 ? static_cast<int>(at(12)) : 0; }
};

// Builds payloads.
class Build {
 public:
  Build& u8(uint8_t value) { return add(value); }
  Build& u16(uint16_t value) { return add(value); }
  Build& u32(uint32_t value) { return add(value); }
  Build& u64(uint64_t value) { return add(value); }
  Build& bytes(const Bytevector& more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  operator Bytevector() const { return bytes_; }  // NOLINT: implicit on purpose

 private:
  template <typename T>
  Build& add(T value) {
    const auto* raw = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof value);
    return *this;
  }
  Bytevector bytes_;
};

inline Bytevector message(uint16_t id, uint16_t command, const Bytevector& payload, uint32_t flags = 0) {
  return Build()
      .u16(id)
      .u16(command)
      .u32(static_cast<uint32_t>(16 + payload.size()))
      .u32(flags)
      .u32(0)
      .bytes(payload);
}

inline Bytevector version(const std::string& json = "{}", uint16_t minor = 2) {
  Bytevector text(json.begin(), json.end());
  return message(1, 1, Build().u16(0).u16(minor).bytes(text).u8(0));
}

class Client {
 public:
  Client(std::shared_ptr<Device> device, const vfio_user::ServeOptions& options) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    fd_.reset(pair[0]);
    connection_ = std::make_unique<vfio_user::Connection>(UniqueFd(pair[1]), std::move(device), options);
    auto thread = JoinedThread::start("test:serve", [this] { end_ = connection_->run([](bool) {}); });
    REQUIRE(thread.ok());
    thread_ = std::move(*thread);
  }
  ~Client() { leave(); }

  int fd() const { return fd_.get(); }
  vfio_user::Connection& connection() { return *connection_; }

  // False: the server has closed.
  bool send(const Bytevector& bytes, const std::vector<int>& descriptors = {}) const {
    return sendOn(fd_.get(), bytes, descriptors);
  }
  static bool sendOn(int fd, const Bytevector& bytes, const std::vector<int>& descriptors = {}) {
    size_t done = 0;
    while (done < bytes.size()) {
      iovec piece{const_cast<uint8_t*>(bytes.data()) + done, bytes.size() - done};
      msghdr header{};
      header.msg_iov = &piece;
      header.msg_iovlen = 1;
      alignas(cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))] = {};
      if (done == 0 && !descriptors.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
      }
      const ssize_t sent = ::sendmsg(fd, &header, MSG_NOSIGNAL);
      if (sent < 0) return false;
      done += static_cast<size_t>(sent);
    }
    return true;
  }

  Message receive(int milliseconds = 20000) const { return receiveOn(fd_.get(), milliseconds); }
  static Message receiveOn(int fd, int milliseconds = 20000) {
    Message message;
    size_t wanted = 16;
    while (message.bytes.size() < wanted) {
      pollfd ready{fd, POLLIN, 0};
      REQUIRE_MESSAGE(::poll(&ready, 1, milliseconds) == 1, "the server is silent");
      const size_t have = message.bytes.size();
      message.bytes.resize(wanted);
      iovec piece{message.bytes.data() + have, wanted - have};
      msghdr header{};
      alignas(cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))];
      header.msg_iov = &piece;
      header.msg_iovlen = 1;
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      const ssize_t got = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
      if (got <= 0) {
        message.bytes.clear();
        message.closed = true;
        return message;
      }
      message.bytes.resize(have + static_cast<size_t>(got));
      for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
          int received;
          std::memcpy(&received, CMSG_DATA(part) + i * sizeof received, sizeof received);
          message.descriptors.emplace_back(received);
        }
      }
      if (message.bytes.size() == 16) wanted = std::max<size_t>(16, message.at(4));
    }
    return message;
  }
  // One command and its reply.
  Message ask(uint16_t command, const Bytevector& payload, const std::vector<int>& descriptors = {}) const {
    static uint16_t id = 100;
    REQUIRE(send(message(++id, command, payload), descriptors));
    Message reply = receive();
    CHECK(reply.id() == id);
    CHECK(reply.command() == command);
    return reply;
  }
  Message negotiate(const std::string& json = "{}") const {
    REQUIRE(send(version(json)));
    Message reply = receive();
    REQUIRE(reply.error() == 0);
    return reply;
  }

  // Closes, and waits until the server has put the device in order.
  vfio_user::Connection::End leave() {
    fd_.reset();
    return finish();
  }
  // Waits for a server that ends by itself.
  vfio_user::Connection::End finish() {
    thread_.reset();
    return end_;
  }

 private:
  UniqueFd fd_;
  std::unique_ptr<vfio_user::Connection> connection_;
  vfio_user::Connection::End end_;
  std::unique_ptr<JoinedThread> thread_;  // last: it uses all of the above
};

// A memfd of `size` zeros; sealed against shrinking, or not.
inline UniqueFd memoryFile(uint64_t size, bool sealed) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(fd.valid());
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  if (sealed) REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  return fd;
}

}  // namespace raw
