// SPDX-License-Identifier: MIT
#include "core/ownership/message_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <thread>

using namespace vfm;

namespace {

struct Ends {
  std::shared_ptr<MessageSocket> ours;
  UniqueFd theirs;  // raw: a peer may do anything
};

Ends connected() {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  auto ours = MessageSocket::over(UniqueFd(pair[0]));
  REQUIRE(ours.ok());
  return {*ours, UniqueFd(pair[1])};
}

ConstBytes bytesOf(const char* text) {
  return ConstBytes(reinterpret_cast<const uint8_t*>(text), std::strlen(text));
}

UniqueFd memoryWith(const char* text) {
  UniqueFd fd(::memfd_create("content", MFD_CLOEXEC));
  REQUIRE(fd.valid());
  REQUIRE(::write(fd.get(), text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)));
  return fd;
}

int countOpen() {
  int open = 0;
  for (int fd = 0; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return open;
}

// What no well-behaved peer sends.
void sendRaw(int socket, const void* data, size_t size, const std::vector<int>& descriptors) {
  iovec part{const_cast<void*>(data), size};
  alignas(cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  REQUIRE(::sendmsg(socket, &header, 0) == static_cast<ssize_t>(size));
}

struct Folder {
  Folder() { REQUIRE(::mkdtemp(path) != nullptr); }
  ~Folder() {
    ::unlink(socket().c_str());
    ::rmdir(path);
  }
  std::string socket() const { return std::string(path) + "/socket"; }
  char path[32] = "/tmp/vfm-socket-XXXXXX";
};

}  // namespace

TEST_CASE("a message arrives whole, with its descriptors in order and close-on-exec") {
  Ends ends = connected();
  auto theirs = MessageSocket::over(std::move(ends.theirs));
  REQUIRE(theirs.ok());
  const UniqueFd first = memoryWith("first");
  const UniqueFd second = memoryWith("second");
  REQUIRE((*theirs)->send(bytesOf("hello"), {first.get(), second.get()}, 1000).ok());
  REQUIRE((*theirs)->send(bytesOf("bye"), {}, 1000).ok());

  auto message = ends.ours->receive(1000);
  REQUIRE(message.ok());
  REQUIRE(message->has_value());
  Message& received = **message;
  CHECK(std::string(received.bytes.begin(), received.bytes.end()) == "hello");
  REQUIRE(received.descriptors.size() == 2);
  for (const auto& [index, text] : {std::pair<size_t, std::string>{0, "first"}, {1, "second"}}) {
    char content[16] = {};
    const int fd = received.descriptors[index].get();
    CHECK(::pread(fd, content, sizeof content, 0) == static_cast<ssize_t>(text.size()));
    CHECK(content == text);
    CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
  }
  auto next = ends.ours->receive(1000);
  REQUIRE(next.ok());
  CHECK((*next)->descriptors.empty());
}

TEST_CASE("the end of the other side is no message") {
  Ends ends = connected();
  SUBCASE("closed") { ends.theirs.reset(); }
  SUBCASE("closed with something unread") {
    REQUIRE(ends.ours->send(bytesOf("never read"), {}, 1000).ok());
    ends.theirs.reset();
  }
  auto end = ends.ours->receive(1000);
  REQUIRE(end.ok());
  CHECK_FALSE(end->has_value());
  auto sent = ends.ours->send(bytesOf("too late"), {}, 1000);
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.failure().error == EPIPE);
}

TEST_CASE("what breaks the limits is refused, its descriptors closed, and the next message is read") {
  Ends ends = connected();
  const UniqueFd passed = memoryWith("x");
  const int open = countOpen();
  SUBCASE("too long") {
    const std::vector<char> huge(MessageSocket::kLargestMessage + 1, 'x');
    sendRaw(ends.theirs.get(), huge.data(), huge.size(), {passed.get()});
  }
  SUBCASE("too many descriptors") {
    sendRaw(ends.theirs.get(), "x", 1, std::vector<int>(MessageSocket::kMostDescriptors + 1, passed.get()));
  }
  SUBCASE("as many as the kernel takes") {
    sendRaw(ends.theirs.get(), "x", 1, std::vector<int>(253, passed.get()));
  }
  SUBCASE("no bytes") { sendRaw(ends.theirs.get(), "", 0, {passed.get()}); }
  auto refused = ends.ours->receive(1000);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().reason == Reason::kMalformed);
  CHECK(countOpen() == open);
  sendRaw(ends.theirs.get(), "good", 4, {});
  auto good = ends.ours->receive(1000);
  REQUIRE(good.ok());
  CHECK((*good)->bytes.size() == 4);
}

TEST_CASE("what breaks the limits is not sent") {
  Ends ends = connected();
  const std::vector<uint8_t> huge(MessageSocket::kLargestMessage + 1);
  CHECK(ends.ours->send(ConstBytes(huge.data(), huge.size()), {}, 0).failure().reason ==
        Reason::kInvalidArgument);
  CHECK(ends.ours->send(ConstBytes(), {}, 0).failure().reason == Reason::kInvalidArgument);
  const std::vector<int> many(MessageSocket::kMostDescriptors + 1, ends.theirs.get());
  CHECK(ends.ours->send(bytesOf("x"), many, 0).failure().reason == Reason::kInvalidArgument);
  CHECK(ends.ours->send(bytesOf("x"), {4711}, 0).failure().error == EBADF);
}

TEST_CASE("a peer that says nothing, or reads nothing, keeps nobody for longer than allowed") {
  Ends ends = connected();
  CHECK(ends.ours->receive(20).failure().error == ETIMEDOUT);
  const std::vector<uint8_t> large(MessageSocket::kLargestMessage);
  Status sent = Status::success();
  for (int count = 0; count < 1000 && sent.ok(); ++count) {
    sent = ends.ours->send(ConstBytes(large.data(), large.size()), {}, 20);
  }
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.failure().error == ETIMEDOUT);
}

TEST_CASE("cancelling wakes whoever waits, for good") {
  Ends ends = connected();
  std::thread canceller([&] { ends.ours->cancel(); });
  CHECK(ends.ours->receive(MessageSocket::kForEver).failure().reason == Reason::kCancelled);
  canceller.join();
  CHECK(ends.ours->send(bytesOf("x"), {}, 0).failure().reason == Reason::kCancelled);
}

TEST_CASE("only a seqpacket socket of AF_UNIX will do") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const UniqueFd other(pair[1]);
  CHECK(MessageSocket::over(UniqueFd(pair[0])).failure().reason == Reason::kInvalidArgument);
  CHECK(MessageSocket::over(memoryWith("x")).failure().error == ENOTSOCK);
}

TEST_CASE("a listener at a path") {
  const Folder folder;
  auto listener = MessageListener::listen(folder.socket());
  REQUIRE(listener.ok());
  struct stat node {};
  REQUIRE(::stat(folder.socket().c_str(), &node) == 0);
  CHECK((node.st_mode & 07777) == 0600);

  auto client = MessageSocket::connect(folder.socket(), 1000);
  REQUIRE(client.ok());
  auto server = (*listener)->accept();
  REQUIRE(server.ok());
  auto peer = (*server)->peer();
  REQUIRE(peer.ok());
  CHECK(peer->pid == ::getpid());
  CHECK(peer->uid == ::geteuid());
  REQUIRE((*client)->send(bytesOf("hello"), {}, 1000).ok());
  CHECK((*(*server)->receive(1000))->bytes.size() == 5);

  CHECK(MessageListener::listen(folder.socket()).failure().error == EADDRINUSE);
  std::thread canceller([&] { (*listener)->cancel(); });
  CHECK((*listener)->accept().failure().reason == Reason::kCancelled);
  canceller.join();
  listener = Failure{};
  CHECK(MessageSocket::connect(folder.socket(), 100).failure().error == ECONNREFUSED);
}

TEST_CASE("a backlog that stays full is given up") {
  const Folder folder;
  auto listener = MessageListener::listen(folder.socket());
  REQUIRE(listener.ok());
  std::vector<std::shared_ptr<MessageSocket>> waiting;
  for (int count = 0; count < 64; ++count) {
    auto client = MessageSocket::connect(folder.socket(), 30);
    if (!client.ok()) {
      CHECK(client.failure().error == ETIMEDOUT);
      return;
    }
    waiting.push_back(*client);
  }
  FAIL("every connection was taken");
}

TEST_CASE("paths that no address holds") {
  for (const std::string& path : {std::string(), std::string(108, 'x'), std::string("a\0b", 3)}) {
    CHECK(MessageListener::listen(path).failure().reason == Reason::kInvalidArgument);
    CHECK(MessageSocket::connect(path, 0).failure().reason == Reason::kInvalidArgument);
  }
  CHECK(MessageSocket::connect("/nonexistent/socket", 0).failure().error == ENOENT);
}
