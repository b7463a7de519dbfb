// SPDX-License-Identifier: MIT
// Pumps long enough to have tried both of their modes.
#include "core/data/pump.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "support/numbered_source.h"

using namespace vfm;

namespace {

constexpr size_t kChunk = Numbered::kChunk;
constexpr uint64_t kLong = PumpMode::kWindow * 8;  // a trial and more

// A file in memory that checks itself.
struct File {
  UniqueFd fd{::memfd_create("pump", MFD_CLOEXEC)};
  uint64_t size() const { return static_cast<uint64_t>(::lseek(fd.get(), 0, SEEK_END)); }
  // How many whole chunks it holds, all as they were numbered; -1: something else is in it.
  int64_t chunks() const {
    if (size() % kChunk != 0) return -1;
    std::vector<uint64_t> words(kChunk / 8);
    for (uint64_t number = 0; number < size() / kChunk; ++number) {
      if (::pread(fd.get(), words.data(), kChunk, static_cast<off_t>(number * kChunk)) !=
          static_cast<ssize_t>(kChunk))
        return -1;
      for (const uint64_t word : words) {
        if (word != number) return -1;
      }
    }
    return static_cast<int64_t>(size() / kChunk);
  }
};

struct Bench {
  std::shared_ptr<Cancellation> cancellation;
  PumpControl control;

  Bench() {
    auto made = Cancellation::create();
    REQUIRE(made.ok());
    cancellation = *made;
  }
  Result<Pumped> pump(ChunkSource& source, int fd) {
    auto output = Output::over(fd);
    REQUIRE(output.ok());
    return pumpToOutput(source, *output, *cancellation, control);
  }
};

// With chunks of this size the second and the fourth window of a trial are those with two threads.
constexpr uint64_t kPerWindow = PumpMode::kWindow / kChunk;
constexpr uint64_t kMoments[] = {0,
                                 1,
                                 kPerWindow,
                                 2 * kPerWindow,
                                 2 * kPerWindow + 1,
                                 2 * kPerWindow + 7,
                                 3 * kPerWindow - 1,
                                 3 * kPerWindow,
                                 4 * kPerWindow + 3};

}  // namespace

TEST_CASE("every byte arrives in its place, whichever thread writes it") {
  for (const bool mapped : {false, true}) {
    CAPTURE(mapped);
    Numbered source(kLong);
    source.mapped = mapped;
    Bench bench;
    File file;
    auto pumped = bench.pump(source, file.fd.get());
    REQUIRE(pumped.ok());
    CHECK(pumped->progress == Progress::kEnd);
    CHECK(pumped->bytes == kLong);
    CHECK(pumped->chunks == kLong / kChunk);
    CHECK(bench.control.bytes == kLong);
    CHECK(bench.control.chunks == kLong / kChunk);
    CHECK(file.chunks() == static_cast<int64_t>(kLong / kChunk));
  }
}

TEST_CASE("large chunks that a device has mapped are written where they lie") {
  constexpr size_t kLarge = 2 * ChunkSource::kLargestAside;
  Numbered source(4 * kLarge, kLarge);
  source.mapped = true;
  Bench bench;
  File file;
  bench.control.mode.expect(true);
  auto pumped = bench.pump(source, file.fd.get());
  REQUIRE(pumped.ok());
  CHECK(pumped->bytes == 4 * kLarge);
  CHECK_FALSE(bench.control.mode.overlapped());
}

TEST_CASE("what was read before the device fails is written, and its failure is told") {
  for (const uint64_t moment : kMoments) {
    CAPTURE(moment);
    Numbered source(kLong);
    source.before = [&](uint64_t number) -> Result<Progress> {
      if (number == moment) return Failure::system(EIO, "read", "test");
      return Progress::kBytes;
    };
    Bench bench;
    File file;
    auto pumped = bench.pump(source, file.fd.get());
    REQUIRE_FALSE(pumped.ok());
    CHECK(pumped.failure().error == EIO);
    CHECK(file.chunks() == static_cast<int64_t>(moment));
    CHECK(bench.control.chunks == moment);
  }
}

TEST_CASE("what was read before a drained point or a pause is written when the pump settles") {
  for (const bool paused : {false, true}) {
    for (const uint64_t moment : kMoments) {
      CAPTURE(paused);
      CAPTURE(moment);
      Numbered source(kLong);
      Bench bench;
      bool once = true;
      source.before = [&](uint64_t number) -> Result<Progress> {
        if (number != moment || !once) return Progress::kBytes;
        once = false;
        if (!paused) return Progress::kDrained;
        bench.control.pause = true;  // noticed at the chunk's border, after it
        return Progress::kBytes;
      };
      File file;
      auto first = bench.pump(source, file.fd.get());
      REQUIRE(first.ok());
      CHECK(first->progress == (paused ? Progress::kBytes : Progress::kDrained));
      const uint64_t sofar = paused ? moment + 1 : moment;
      CHECK(first->chunks == sofar);
      CHECK(file.chunks() == static_cast<int64_t>(sofar));
      auto rest = bench.pump(source, file.fd.get());
      REQUIRE(rest.ok());
      CHECK(rest->progress == Progress::kEnd);
      CHECK(file.chunks() == static_cast<int64_t>(kLong / kChunk));
    }
  }
}

TEST_CASE("a sink that fails ends the pump with its errno") {
  for (const uint64_t moment : kMoments) {
    CAPTURE(moment);
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    UniqueFd near(ends[0]);
    UniqueFd far(ends[1]);
    std::thread reader([&] {
      std::vector<uint8_t> buffer(kChunk);
      for (uint64_t left = moment * kChunk + 1; left > 0;) {
        const ssize_t read = ::read(far.get(), buffer.data(), std::min<uint64_t>(left, buffer.size()));
        if (read <= 0) break;
        left -= static_cast<uint64_t>(read);
      }
      far.reset();
    });
    Numbered source(kLong);
    Bench bench;
    auto pumped = bench.pump(source, near.get());
    reader.join();
    REQUIRE_FALSE(pumped.ok());
    CHECK((pumped.failure().error == EPIPE || pumped.failure().error == ECONNRESET));
  }
}

TEST_CASE("a cancellation frees a pump whose sink takes nothing") {
  for (const uint64_t moment : kMoments) {
    CAPTURE(moment);
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    UniqueFd near(ends[0]);
    UniqueFd far(ends[1]);
    Numbered source(kLong);
    Bench bench;
    std::thread reader([&] {
      std::vector<uint8_t> buffer(kChunk);
      for (uint64_t left = moment * kChunk + 1; left > 0;) {
        const ssize_t read = ::read(far.get(), buffer.data(), std::min<uint64_t>(left, buffer.size()));
        if (read <= 0) break;
        left -= static_cast<uint64_t>(read);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      bench.cancellation->cancel();
    });
    auto pumped = bench.pump(source, near.get());
    reader.join();
    REQUIRE_FALSE(pumped.ok());
    CHECK(pumped.failure().reason == Reason::kCancelled);
  }
}

TEST_CASE("a UNIX socket has its own send buffer again after the pump") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd near(ends[0]);
  UniqueFd far(ends[1]);
  const auto size = [&] {
    int value = 0;
    socklen_t length = sizeof value;
    REQUIRE(::getsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &value, &length) == 0);
    return value;
  };
  const int before = size();
  {
    auto output = Output::over(near.get());
    REQUIRE(output.ok());
    Output moved = std::move(*output);
    CHECK(size() > before);
  }
  CHECK(size() == before);
}

TEST_CASE("four pumps at once, each with its own bytes") {
  std::vector<std::thread> threads;
  std::vector<int64_t> chunks(4, -1);
  for (size_t pump = 0; pump < chunks.size(); ++pump) {
    threads.emplace_back([&, pump] {
      Numbered source(kLong);
      PumpControl control;
      File file;
      auto cancellation = Cancellation::create();
      auto output = Output::over(file.fd.get());
      if (!cancellation || !output) return;
      if (pumpToOutput(source, *output, **cancellation, control)) chunks[pump] = file.chunks();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int64_t count : chunks) CHECK(count == static_cast<int64_t>(kLong / kChunk));
}

TEST_CASE("small chunks are written where they were read: no other thread is woken for them") {
  // Says which threads gave it something.
  class Witness final : public ChunkSink {
   public:
    bool needsBorders() const override { return false; }
    Result<Bytes> prepare(size_t) override { return Failure::because(Reason::kUnsupported, "prepare"); }
    Status commit() override { return Status::success(); }
    Status put(ConstBytes) override {
      threads.insert(std::this_thread::get_id());
      return Status::success();
    }
    void cancel() override {}
    std::set<std::thread::id> threads;
  };
  for (const size_t chunk : {size_t{4} << 10, kChunk}) {
    Numbered source(kLong, chunk);
    Witness sink;
    Bench bench;
    PumpControl taken;
    REQUIRE(pumpToSink(source, sink, bench.control, taken).ok());
    const bool roomForTwo = std::thread::hardware_concurrency() > 1;
    CHECK(sink.threads.size() == (chunk == kChunk && roomForTwo ? 2 : 1));
  }
}
