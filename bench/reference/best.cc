// SPDX-License-Identifier: MIT
#include "best.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace bench {
namespace {

enum class Sink { kNull, kFile, kUnix, kTcp };

struct Choice {
  bool overlap;
  size_t chunk;
  size_t buffers;
};

// By trying --overlap, --chunk and --buffers.
Choice choiceFor(Kind kind, Sink sink) {
  switch (sink) {
    case Sink::kNull:
      // What is mapped needs no copy of its own here. Elsewhere one is worth it: it lets two threads work.
      if (kind == Kind::kV1Mapped) return {false, 0, 1};
      return {false, size_t{512} << 10, 1};
    case Sink::kFile:
      return {true, size_t{512} << 10, 4};
    case Sink::kUnix:
      return {true, size_t{512} << 10, 3};
    case Sink::kTcp:
      return {true, size_t{512} << 10, 3};
  }
  return {false, size_t{1} << 20, 1};
}

Sink sinkOf(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) die("fstat of the sink");
  if (S_ISREG(facts.st_mode)) return Sink::kFile;
  if (!S_ISSOCK(facts.st_mode)) return Sink::kNull;
  int domain = 0;
  socklen_t size = sizeof domain;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain == AF_UNIX ? Sink::kUnix : Sink::kTcp;
}

// Counts up on one thread and is waited for on another.
class Count {
 public:
  uint32_t now() const { return value_.load(std::memory_order_acquire); }
  void raise() {
    value_.fetch_add(1, std::memory_order_seq_cst);
    if (waiting_.load(std::memory_order_seq_cst)) ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 1);
  }
  // Until it is no longer `seen`.
  uint32_t waitPast(uint32_t seen) {
    for (;;) {
      uint32_t value = now();
      if (value != seen) return value;
      waiting_.store(true, std::memory_order_seq_cst);
      if (value_.load(std::memory_order_seq_cst) == seen)
        ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, seen, nullptr);
      waiting_.store(false, std::memory_order_seq_cst);
    }
  }

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<bool> waiting_{false};
};

class Best final : public Contender {
 public:
  Best(Choice choice, int fd, size_t room) : choice_(choice), fd_(fd), room_(room) {
    constexpr size_t kHuge = size_t{2} << 20;
    const size_t bytes = (room * choice.buffers + kHuge - 1) / kHuge * kHuge;
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("no memory");
    ::madvise(memory, bytes, MADV_HUGEPAGE);
    memory_ = static_cast<uint8_t*>(memory);
  }

  uint64_t round(Source& source) override { return choice_.overlap ? overlapped(source) : serial(source); }

 private:
  uint64_t serial(Source& source) {
    uint64_t total = 0;
    for (;;) {
      const Piece piece = source.next(memory_, room_);
      if (piece.size == 0) return total;
      writeAll(fd_, piece.data, piece.size);
      total += piece.size;
    }
  }

  uint64_t overlapped(Source& source) {
    std::vector<size_t> sizes(choice_.buffers);
    Count filled;
    Count emptied;
    const uint32_t buffers = static_cast<uint32_t>(choice_.buffers);
    std::thread writer([&] {
      for (uint32_t turn = 0;; ++turn) {
        filled.waitPast(turn);
        const size_t size = sizes[turn % buffers];
        if (size == 0) return;
        writeAll(fd_, memory_ + turn % buffers * room_, size);
        emptied.raise();
      }
    });
    uint64_t total = 0;
    for (uint32_t turn = 0;; ++turn) {
      if (turn >= buffers) emptied.waitPast(turn - buffers);
      const size_t slot = turn % buffers;
      const Piece piece = source.next(memory_ + slot * room_, room_, true);
      sizes[slot] = piece.size;
      filled.raise();
      if (piece.size == 0) break;
      total += piece.size;
    }
    writer.join();
    return total;
  }

  Choice choice_;
  int fd_;
  size_t room_;
  uint8_t* memory_;  // as long as the program
};

}  // namespace

std::unique_ptr<Contender> bestContender(const Source& source, const Tuning& tuning) {
  const Sink sink = sinkOf(tuning.fd);
  Choice choice = choiceFor(source.kind(), sink);
  if (tuning.chunk > 0) choice.chunk = tuning.chunk;
  if (tuning.overlap >= 0) choice.overlap = tuning.overlap != 0;
  if (tuning.buffers > 0) choice.buffers = tuning.buffers;
  // The system halves what it reserves; more than wmem_max is cut silently.
  const int size = 1 << 20;
  if (sink == Sink::kUnix) ::setsockopt(tuning.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const size_t chunk =
      source.kind() == Kind::kV2 ? choice.chunk : std::max<size_t>(choice.chunk, source.deviceChunk());
  return std::make_unique<Best>(choice, tuning.fd, chunk);
}

}  // namespace bench
