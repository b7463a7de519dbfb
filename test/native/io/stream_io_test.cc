// SPDX-License-Identifier: MIT
// Input and Output over every kind of descriptor: whole transfers, no blocking past a cancel, nobody's flags
// changed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/io/input.h"
#include "core/io/output.h"

namespace {

using vfm::Cancellation;
using vfm::Input;
using vfm::Output;
using vfm::UniqueFd;

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends pipeEnds(int flags = 0) {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC | flags) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Ends socketEnds(int type = SOCK_STREAM) {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::shared_ptr<Cancellation> cancellation() {
  auto made = Cancellation::create();
  REQUIRE(made.ok());
  return *made;
}

std::vector<uint8_t> noise(size_t size) {
  std::mt19937_64 random(size);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Writes 3 MiB in uneven parts at one end while the other reads.
void carries(Ends ends) {
  const auto sent = noise(3 * 1024 * 1024 + 17);
  const auto cancel = cancellation();
  std::thread writer([&] {
    auto output = Output::over(ends.write.get());
    REQUIRE(output.ok());
    auto* at = const_cast<uint8_t*>(sent.data());
    const iovec parts[] = {
        {at, 32}, {at + 32, 0}, {at + 32, 2000000}, {at + 2000032, 7}, {at + 2000039, sent.size() - 2000039}};
    const vfm::Status written = output->writeAll(parts, 5, *cancel);
    CHECK(written.ok());
    // Both descriptions of a pipe must go before the reader sees the end.
    output = vfm::Failure{};
    ends.write.reset();
  });
  auto input = Input::over(ends.read.get());
  REQUIRE(input.ok());
  std::vector<uint8_t> received(sent.size() + 100);
  const auto count = input->readFully({received.data(), received.size()}, *cancel);
  writer.join();
  REQUIRE(count.ok());
  CHECK(*count == sent.size());
  received.resize(sent.size());
  CHECK(received == sent);
}

template <typename Work>
vfm::Status cancelledWhile(Work work) {
  const auto cancel = cancellation();
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    cancel->cancel();
  });
  const auto start = std::chrono::steady_clock::now();
  vfm::Status status = work(*cancel);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  canceller.join();
  return status;
}

void writingIsCancelled(const Ends& ends) {
  auto output = Output::over(ends.write.get());
  REQUIRE(output.ok());
  const auto much = noise(8 * 1024 * 1024);
  const int flags = ::fcntl(ends.write.get(), F_GETFL);
  const auto status = cancelledWhile([&](const Cancellation& cancel) {
    return output->writeAll({much.data(), much.size()}, cancel);
  });
  REQUIRE_FALSE(status.ok());
  CHECK(status.failure().reason == vfm::Reason::kCancelled);
  CHECK(::fcntl(ends.write.get(), F_GETFL) == flags);
}

void readingIsCancelled(const Ends& ends) {
  auto input = Input::over(ends.read.get());
  REQUIRE(input.ok());
  uint8_t byte;
  const int flags = ::fcntl(ends.read.get(), F_GETFL);
  const auto status = cancelledWhile([&](const Cancellation& cancel) -> vfm::Status {
    auto count = input->readSome({&byte, 1}, cancel);
    if (!count) return std::move(count).failure();
    return {};
  });
  REQUIRE_FALSE(status.ok());
  CHECK(status.failure().reason == vfm::Reason::kCancelled);
  CHECK(::fcntl(ends.read.get(), F_GETFL) == flags);
}

}  // namespace

TEST_CASE("a cancellation can be repeated, is seen by all and stays") {
  const auto cancel = cancellation();
  pollfd watched{cancel->fd(), POLLIN, 0};
  CHECK_FALSE(cancel->cancelled());
  CHECK(::poll(&watched, 1, 0) == 0);
  std::thread first([&] { cancel->cancel(); });
  std::thread second([&] { cancel->cancel(); });
  first.join();
  second.join();
  CHECK(cancel->cancelled());
  CHECK(::poll(&watched, 1, 0) == 1);
  CHECK(::poll(&watched, 1, 0) == 1);
}

TEST_CASE("bytes arrive whole through pipes and sockets, blocking or not") {
  SUBCASE("pipe") { carries(pipeEnds()); }
  SUBCASE("non-blocking pipe") { carries(pipeEnds(O_NONBLOCK)); }
  SUBCASE("socket") { carries(socketEnds()); }
  SUBCASE("non-blocking socket") { carries(socketEnds(SOCK_STREAM | SOCK_NONBLOCK)); }
}

TEST_CASE("a blocked write or read ends at the cancel, and the caller's flags stay") {
  SUBCASE("write to a pipe") { writingIsCancelled(pipeEnds()); }
  SUBCASE("write to a socket") { writingIsCancelled(socketEnds()); }
  SUBCASE("write to a non-blocking pipe") { writingIsCancelled(pipeEnds(O_NONBLOCK)); }
  SUBCASE("read from a pipe") { readingIsCancelled(pipeEnds()); }
  SUBCASE("read from a socket") { readingIsCancelled(socketEnds()); }
  SUBCASE("read from a non-blocking pipe") { readingIsCancelled(pipeEnds(O_NONBLOCK)); }
}

TEST_CASE("an already cancelled transfer moves nothing") {
  const Ends ends = pipeEnds();
  const auto cancel = cancellation();
  cancel->cancel();
  auto output = Output::over(ends.write.get());
  const auto status = output->writeAll({reinterpret_cast<const uint8_t*>("x"), 1}, *cancel);
  REQUIRE_FALSE(status.ok());
  CHECK(status.failure().reason == vfm::Reason::kCancelled);
  pollfd watched{ends.read.get(), POLLIN, 0};
  CHECK(::poll(&watched, 1, 0) == 0);
}

TEST_CASE("a FIFO that cannot be opened twice is written in pieces that cannot block") {
  // Without permission to open the pipe's inode anew (as an unprivileged process with an inherited
  // descriptor).
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root, to become another user than the pipe's owner");
    return;
  }
  Ends ends = pipeEnds();
  REQUIRE(::fchmod(ends.write.get(), 0) == 0);
  REQUIRE(::seteuid(65534) == 0);
  auto output = Output::over(ends.write.get());
  auto input = Input::over(ends.read.get());
  REQUIRE(::seteuid(0) == 0);
  REQUIRE(output.ok());
  REQUIRE(input.ok());
  const auto much = noise(1024 * 1024);
  auto status = cancelledWhile([&](const Cancellation& cancel) {
    return output->writeAll({much.data(), much.size()}, cancel);
  });
  REQUIRE_FALSE(status.ok());
  CHECK(status.failure().reason == vfm::Reason::kCancelled);
  // What went out before the cancel is the beginning, in order.
  const auto cancel = cancellation();
  uint8_t start[PIPE_BUF];
  const auto count = input->readFully({start, sizeof start}, *cancel);
  REQUIRE(count.ok());
  CHECK(std::memcmp(start, much.data(), sizeof start) == 0);
}

TEST_CASE("a reader that is gone is EPIPE, and SIGPIPE is not raised") {
  struct sigaction before {};
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  REQUIRE(::sigaction(SIGPIPE, &fatal, &before) == 0);
  const auto check = [](Ends ends) {
    auto output = Output::over(ends.write.get());
    REQUIRE(output.ok());
    ends.read.reset();
    const auto status = output->writeAll({reinterpret_cast<const uint8_t*>("abc"), 3}, *cancellation());
    REQUIRE_FALSE(status.ok());
    CHECK(status.failure().error == EPIPE);
  };
  SUBCASE("pipe") { check(pipeEnds()); }
  SUBCASE("socket") { check(socketEnds()); }
  sigset_t pending;
  REQUIRE(::sigpending(&pending) == 0);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
  REQUIRE(::sigaction(SIGPIPE, &before, nullptr) == 0);
}

TEST_CASE("files are written and read at their current position, and a full one is ENOSPC") {
  UniqueFd file(::memfd_create("stream", MFD_CLOEXEC));
  REQUIRE(file);
  const auto cancel = cancellation();
  REQUIRE(::lseek(file.get(), 5, SEEK_SET) == 5);
  auto output = Output::over(file.get());
  REQUIRE(output.ok());
  CHECK(output->writeAll({reinterpret_cast<const uint8_t*>("hello"), 5}, *cancel).ok());
  CHECK(::lseek(file.get(), 0, SEEK_CUR) == 10);
  REQUIRE(::lseek(file.get(), 7, SEEK_SET) == 7);
  auto input = Input::over(file.get());
  uint8_t bytes[8];
  const auto count = input->readFully({bytes, sizeof bytes}, *cancel);
  REQUIRE(count.ok());
  CHECK(std::string(bytes, bytes + *count) == "llo");

  UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  auto toFull = Output::over(full.get());
  REQUIRE(toFull.ok());
  const auto status = toFull->writeAll({reinterpret_cast<const uint8_t*>("x"), 1}, *cancel);
  REQUIRE_FALSE(status.ok());
  CHECK(status.failure().error == ENOSPC);
}

TEST_CASE("descriptors that cannot carry a stream that way are refused at once") {
  const Ends ends = pipeEnds();
  CHECK(Output::over(ends.read.get()).failure().error == EBADF);
  CHECK(Input::over(ends.write.get()).failure().error == EBADF);
  CHECK(Output::over(-1).failure().error == EBADF);
  const Ends packets = socketEnds(SOCK_SEQPACKET);
  CHECK(Output::over(packets.write.get()).failure().reason == vfm::Reason::kUnsupported);
}

TEST_CASE("a signal in the middle of a transfer changes nothing") {
  struct sigaction before {};
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};  // no SA_RESTART: system calls return EINTR
  REQUIRE(::sigaction(SIGUSR1, &quiet, &before) == 0);
  std::atomic<bool> done{false};
  const pthread_t self = ::pthread_self();
  std::thread pest([&] {
    while (!done) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  carries(pipeEnds());
  carries(socketEnds());
  done = true;
  pest.join();
  REQUIRE(::sigaction(SIGUSR1, &before, nullptr) == 0);
}
