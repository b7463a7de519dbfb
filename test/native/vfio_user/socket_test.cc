// SPDX-License-Identifier: MIT
#include "core/vfio_user/socket.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

using namespace vfm;
using namespace vfm::vfio_user;

namespace {

size_t openDescriptors() {
  size_t count = 0;
  DIR* all = ::opendir("/proc/self/fd");
  while (::readdir(all)) ++count;
  ::closedir(all);
  return count;
}

// One end as the code under test has it, the other as a bare descriptor.
struct Pair {
  UniqueFd peer;
  std::unique_ptr<Socket> socket;

  explicit Pair(SocketLimits limits = {}) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    peer.reset(ends[0]);
    socket = std::make_unique<Socket>(UniqueFd(ends[1]), limits);
  }
  void write(const void* bytes, size_t size) const {
    REQUIRE(::send(peer.get(), bytes, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
  }
  void write(const Header& header) const { write(&header, sizeof header); }
};

Header header(Command command, uint32_t payload = 0, uint32_t flags = kFlagCommand) {
  return {1, static_cast<uint16_t>(command), static_cast<uint32_t>(sizeof(Header) + payload), flags, 0};
}

void writeWithDescriptors(int socket, const void* bytes, size_t size, const std::vector<int>& descriptors) {
  std::vector<uint8_t> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
  iovec piece{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  REQUIRE(::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
}

}  // namespace

TEST_CASE("a message arrives as it was sent, parts joined, descriptors with it") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Socket a(UniqueFd(ends[0]), {});
  Socket b(UniqueFd(ends[1]), {});
  const UniqueFd file(::memfd_create("given", MFD_CLOEXEC));
  const uint8_t first[3] = {1, 2, 3}, second[2] = {4, 5};
  REQUIRE(a.send(header(Command::kDmaMap), {ConstBytes{first, 3}, ConstBytes{}, ConstBytes{second, 2}},
                 {file.get()})
              .ok());
  auto got = b.receive();
  REQUIRE(got.ok());
  CHECK(got->header.cmd == static_cast<uint16_t>(Command::kDmaMap));
  CHECK(got->payloadSize() == 5);
  REQUIRE(got->descriptors.size() == 1);
  struct stat sent {
  }, arrived{};
  REQUIRE(::fstat(file.get(), &sent) == 0);
  REQUIRE(::fstat(got->descriptors[0].get(), &arrived) == 0);
  CHECK(sent.st_ino == arrived.st_ino);
  CHECK((::fcntl(got->descriptors[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
  auto payload = b.rest(64);
  REQUIRE(payload.ok());
  CHECK(*payload == std::vector<uint8_t>{1, 2, 3, 4, 5});
}

TEST_CASE("a message of one byte a time is put together") {
  Pair pair;
  const Header sent = header(Command::kRegionRead, 4);
  std::thread peer([&] {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&sent);
    for (size_t i = 0; i < sizeof sent; ++i) pair.write(bytes + i, 1);
    for (const char* c = "data"; *c; ++c) pair.write(c, 1);
  });
  auto got = pair.socket->receive();
  REQUIRE(got.ok());
  CHECK(std::memcmp(&got->header, &sent, sizeof sent) == 0);
  uint8_t data[4];
  REQUIRE(pair.socket->payload(Bytes{data, 4}).ok());
  CHECK(std::memcmp(data, "data", 4) == 0);
  peer.join();
}

TEST_CASE("a message larger than the socket's buffers goes through whole") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Socket a(UniqueFd(ends[0]), {});
  Socket b(UniqueFd(ends[1]), {});
  std::vector<uint8_t> sent(1 << 20);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint8_t>(i * 7 + i / 251);
  std::thread sender([&] {
    CHECK(a.send(header(Command::kMigDataWrite), {ConstBytes{sent.data(), sent.size()}}).ok());
  });
  auto got = b.receive();
  REQUIRE(got.ok());
  auto payload = b.rest(1 << 20);
  sender.join();
  REQUIRE(payload.ok());
  CHECK(*payload == sent);
}

TEST_CASE("a peer that goes at any byte of a message is reported as gone") {
  const Header sent = header(Command::kRegionRead, 8);
  uint8_t whole[sizeof sent + 8] = {};
  std::memcpy(whole, &sent, sizeof sent);
  for (size_t cut = 0; cut < sizeof whole; ++cut) {
    Pair pair;
    if (cut > 0) pair.write(whole, cut);
    pair.peer.reset();
    auto got = pair.socket->receive();
    Failure failure;
    if (got.ok()) {
      uint8_t data[8];
      Status rest = pair.socket->payload(Bytes{data, 8});
      REQUIRE_FALSE(rest.ok());
      failure = rest.failure();
    } else {
      failure = got.failure();
    }
    CAPTURE(cut);
    CHECK(failure.reason == Reason::kDisconnected);
    CHECK(failure.error == ECONNRESET);
  }
}

TEST_CASE("a send to a peer that has gone fails, without a signal") {
  Pair pair;
  pair.peer.reset();
  Status sent = pair.socket->send(header(Command::kDeviceReset), {});
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.failure().reason == Reason::kDisconnected);
}

TEST_CASE("a peer that stops in mid-message is waited for no longer than the stall limit") {
  SocketLimits limits;
  limits.stall = Milliseconds(30);
  Pair pair(limits);
  pair.write("abc", 3);
  auto got = pair.socket->receive();
  REQUIRE_FALSE(got.ok());
  CHECK(got.failure().reason == Reason::kTimedOut);
  CHECK(got.failure().error == ETIMEDOUT);
}

TEST_CASE("a peer that reads nothing stops a send after the stall limit") {
  SocketLimits limits;
  limits.stall = Milliseconds(30);
  Pair pair(limits);
  const std::vector<uint8_t> much(1 << 20);
  Status sent = pair.socket->send(header(Command::kRegionWrite), {ConstBytes{much.data(), much.size()}});
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.failure().reason == Reason::kTimedOut);
}

TEST_CASE("waiting for a message to begin can have a limit, which does no harm") {
  Pair pair;
  auto none = pair.socket->receive(Milliseconds(10));
  REQUIRE_FALSE(none.ok());
  CHECK(none.failure().reason == Reason::kTimedOut);
  pair.write(header(Command::kDeviceReset));
  CHECK(pair.socket->receive(Milliseconds(1000)).ok());
}

TEST_CASE("shutdown ends a wait in another thread") {
  Pair pair;
  std::thread other([&] {
    std::this_thread::sleep_for(Milliseconds(20));
    pair.socket->shutdown();
  });
  auto got = pair.socket->receive();
  other.join();
  REQUIRE_FALSE(got.ok());
  CHECK(got.failure().reason == Reason::kDisconnected);
}

TEST_CASE("sizes that no message has are refused") {
  for (uint32_t size : {0u, 15u, 2u << 20, UINT32_MAX}) {
    Pair pair;
    Header odd = header(Command::kRegionRead);
    odd.msg_size = size;
    pair.write(odd);
    auto got = pair.socket->receive();
    CAPTURE(size);
    REQUIRE_FALSE(got.ok());
    CHECK(got.failure().reason == Reason::kMalformed);
  }
}

TEST_CASE("a message that is neither command nor reply is refused") {
  Pair pair;
  pair.write(header(Command::kRegionRead, 0, 2));
  auto got = pair.socket->receive();
  REQUIRE_FALSE(got.ok());
  CHECK(got.failure().reason == Reason::kMalformed);
}

TEST_CASE("descriptors nobody takes are closed, those behind the first byte as well") {
  const UniqueFd file(::memfd_create("given", MFD_CLOEXEC));
  const size_t before = openDescriptors();
  {
    Pair pair;
    const Header sent = header(Command::kRegionRead, 4);
    writeWithDescriptors(pair.peer.get(), &sent, sizeof sent, {file.get(), file.get()});
    writeWithDescriptors(pair.peer.get(), "data", 4, {file.get()});
    auto got = pair.socket->receive();
    REQUIRE(got.ok());
    CHECK(got->descriptors.size() == 2);
    REQUIRE(pair.socket->drain().ok());
  }
  CHECK(openDescriptors() == before);
}

TEST_CASE("more descriptors than agreed are refused and closed") {
  const UniqueFd file(::memfd_create("given", MFD_CLOEXEC));
  const size_t before = openDescriptors();
  {
    Pair pair;
    const Header sent = header(Command::kDmaMap);
    writeWithDescriptors(pair.peer.get(), &sent, sizeof sent, std::vector<int>(9, file.get()));
    auto got = pair.socket->receive();
    REQUIRE_FALSE(got.ok());
    CHECK(got.failure().reason == Reason::kMalformed);
  }
  CHECK(openDescriptors() == before);
}

TEST_CASE("error replies without an errno count as EINVAL") {
  Incoming incoming;
  incoming.header = header(Command::kDmaMap, 0, kFlagReply | kFlagError);
  CHECK(incoming.error() == EINVAL);
  incoming.header.error_no = ENOENT;
  CHECK(incoming.error() == ENOENT);
  incoming.header.error_no = 0xffffffff;
  CHECK(incoming.error() == EINVAL);
  incoming.header.flags = kFlagReply;
  CHECK(incoming.error() == 0);
}

TEST_CASE("a socket whose path is longer than an address holds is reached") {
  char base[] = "/tmp/vfm-socket-XXXXXX";
  REQUIRE(::mkdtemp(base));
  const std::string folder = std::string(base) + "/" + std::string(120, 'd');
  REQUIRE(::mkdir(folder.c_str(), 0700) == 0);
  const UniqueFd directory(::open(folder.c_str(), O_PATH | O_CLOEXEC));
  const std::string nearby = "/proc/self/fd/" + std::to_string(directory.get()) + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, nearby.c_str(), nearby.size() + 1);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  CHECK(Socket::connect(folder + "/s", {}, Milliseconds(1000)).ok());
  ::unlink((folder + "/s").c_str());
  CHECK_FALSE(Socket::connect(folder + "/s", {}, Milliseconds(1000)).ok());
  ::rmdir(folder.c_str());
  ::rmdir(base);
}
