// SPDX-License-Identifier: MIT
#include "core/data/rate_limit.h"

#include <doctest/doctest.h>

#include <functional>
#include <thread>
#include <vector>

#include "core/data/pump.h"

using namespace vfm;

namespace {

using Clock = std::chrono::steady_clock;

double secondsOf(const std::function<void()>& work) {
  const auto began = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - began).count();
}

std::shared_ptr<Cancellation> cancellation() {
  auto made = Cancellation::create();
  REQUIRE(made.ok());
  return *made;
}

// So many chunks of so many bytes, out of one buffer.
class Chunks final : public ChunkSource {
 public:
  Chunks(size_t count, size_t size) : left_(count), buffer_(size) {}
  Result<Turn> next() override {
    if (left_ == 0) return Turn{};
    --left_;
    return Turn{Progress::kBytes, Bytes{buffer_.data(), buffer_.size()}, nullptr};
  }
  Result<Turn> nextInto(std::shared_ptr<Memory>&, Place) override { return next(); }
  Result<Turn> nextOwned() override { return next(); }
  void cancel() override {}

 private:
  size_t left_;
  std::vector<uint8_t> buffer_;
};

class Nowhere final : public ChunkSink {
 public:
  Result<Bytes> prepare(size_t) override { return Failure::because(Reason::kUnsupported, "prepare"); }
  Status commit() override { return {}; }
  Status put(ConstBytes chunk) override {
    bytes += chunk.size;
    return {};
  }
  bool needsBorders() const override { return false; }
  void cancel() override {}
  size_t bytes = 0;
};

}  // namespace

TEST_CASE("what a full bucket holds goes through at once, the rest at its rate") {
  RateLimit limit(1'000'000, 100'000);
  const auto never = cancellation();
  const std::atomic<bool> interrupted{false};
  const auto move = [&](int chunks) {
    return secondsOf([&] {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        REQUIRE(limit.admit(*never, interrupted).ok());
        limit.pay(10'000);
      }
      REQUIRE(limit.admit(*never, interrupted).ok());  // until what is owed is paid
    });
  };
  CHECK(move(9) < 0.05);
  // 21 chunks of 10 ms each, one of which the bucket still held.
  const double rest = move(21);
  CHECK(rest > 0.19);
  CHECK(rest < 0.4);
}

TEST_CASE("a chunk larger than the bucket goes through whole, and is paid for afterwards") {
  RateLimit limit(1'000'000, 1);
  const auto never = cancellation();
  const std::atomic<bool> interrupted{false};
  REQUIRE(limit.admit(*never, interrupted).ok());
  limit.pay(100'000);
  const double waited = secondsOf([&] { REQUIRE(limit.admit(*never, interrupted).ok()); });
  CHECK(waited > 0.095);
  CHECK(waited < 0.3);
}

TEST_CASE("a change holds at once for who is waiting") {
  RateLimit limit(1, 1);
  limit.pay(1'000'000);
  const auto never = cancellation();
  const std::atomic<bool> interrupted{false};
  std::thread changer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    limit.set(0, 1);
  });
  CHECK(secondsOf([&] { CHECK(limit.admit(*never, interrupted).ok()); }) < 5);
  changer.join();
}

TEST_CASE("waiting ends with a cancellation and with an interruption") {
  RateLimit limit(1, 1);
  limit.pay(1'000'000);
  const auto once = cancellation();
  std::atomic<bool> interrupted{false};
  std::thread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    interrupted = true;
  });
  CHECK(limit.admit(*once, interrupted).ok());
  interrupter.join();
  interrupted = false;
  std::thread canceller([&] { once->cancel(); });
  CHECK(limit.admit(*once, interrupted).failure().reason == Reason::kCancelled);
  canceller.join();
}

TEST_CASE("a limit that is off lets everything through and counts nothing") {
  RateLimit limit(0, 1);
  limit.pay(1'000'000'000);
  limit.set(1'000'000, 1'000'000);
  const auto never = cancellation();
  const std::atomic<bool> interrupted{false};
  CHECK(secondsOf([&] {
          for (int chunk = 0; chunk < 3; ++chunk) {
            // After a pause it would be the whole bucket: it was empty of credit, not of debt.
            CHECK(limit.admit(*never, interrupted).ok());
          }
        }) < 0.5);
}

TEST_CASE("pumps that share a limit keep it together") {
  constexpr size_t kChunk = 10'000;
  RateLimit limit(2'000'000, kChunk);
  const auto never = cancellation();
  const double seconds = secondsOf([&] {
    std::vector<std::thread> pumps;
    for (int pump = 0; pump < 4; ++pump) {
      pumps.emplace_back([&] {
        Chunks source(15, kChunk);
        Nowhere sink;
        PumpControl control;
        PumpControl sinkControl;
        auto pumped = pumpToSink(source, sink, control, sinkControl, {&limit, never.get()});
        CHECK(pumped.ok());
        CHECK(sink.bytes == 15 * kChunk);
      });
    }
    for (auto& pump : pumps) pump.join();
  });
  // 600 KB at 2 MB/s, less the bucket and the last chunk of each.
  CHECK(seconds > 0.26);
  CHECK(seconds < 0.8);
}

TEST_CASE("a pump that waits for its limit can be paused, and cancelled") {
  RateLimit limit(1, 1);
  limit.pay(1'000'000);
  const auto once = cancellation();
  Chunks source(10, 100);
  Nowhere sink;
  PumpControl control;
  PumpControl sinkControl;
  control.pause = true;
  auto paused = pumpToSink(source, sink, control, sinkControl, {&limit, once.get()});
  REQUIRE(paused.ok());
  CHECK(paused->progress == Progress::kBytes);
  CHECK(paused->bytes == 0);
  CHECK(!control.pause);
  once->cancel();
  auto cancelled = pumpToSink(source, sink, control, sinkControl, {&limit, once.get()});
  REQUIRE(!cancelled.ok());
  CHECK(cancelled.failure().reason == Reason::kCancelled);
}
