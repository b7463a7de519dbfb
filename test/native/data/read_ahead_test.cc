// SPDX-License-Identifier: MIT
#include "core/data/read_ahead.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "support/numbered_source.h"

using namespace vfm;

namespace {

struct Bench {
  explicit Bench(uint64_t chunks) : source(std::make_shared<Numbered>(chunks * Numbered::kChunk)) {}
  ~Bench() {
    ahead.stop();
    if (thread.joinable()) thread.join();
  }

  std::shared_ptr<Numbered> source;
  std::shared_ptr<FlightRing> flight = std::make_shared<FlightRing>();
  std::shared_ptr<const ChunkSlots> slots = std::make_shared<ChunkSlots>();
  ReadAhead ahead{source, flight, slots};
  std::thread thread;

  std::atomic<uint64_t> turns{0};  // begun, once they are counted
  void countTurns() {
    source->before = [this](uint64_t) -> Result<Progress> {
      ++turns;
      return Progress::kBytes;
    };
  }
  void start() {
    thread = std::thread([this] { ahead.run(); });
  }
  // As the JavaScript thread takes them: told when there is one, then asks again.
  Result<Arrival> take() {
    std::promise<void> there;
    auto first = ahead.take([&] { there.set_value(); });
    if (first) return std::move(*first);
    there.get_future().wait();
    return *ahead.take(nullptr);
  }
};

uint64_t numberOf(const Arrival& arrival) {
  return *reinterpret_cast<const uint64_t*>(arrival.turn.bytes.data);
}
bool isWhole(const Arrival& arrival, uint64_t number) {
  const auto* words = reinterpret_cast<const uint64_t*>(arrival.turn.bytes.data);
  for (size_t i = 0; i < arrival.turn.bytes.size / 8; ++i)
    if (words[i] != number) return false;
  return true;
}

// Until it is so, or for a second.
template <typename What>
bool comesTrue(What what) {
  for (int i = 0; i < 1000 && !what(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return what();
}

}  // namespace

TEST_CASE("what is read ahead comes whole and in order, and then the end") {
  Bench bench(500);
  bench.start();
  for (uint64_t number = 0; number < 500; ++number) {
    auto arrival = bench.take();
    REQUIRE(arrival.ok());
    REQUIRE(arrival->turn.progress == Progress::kBytes);
    REQUIRE(isWhole(*arrival, number));
    CHECK(!bench.ahead.over());
  }
  auto end = bench.take();
  REQUIRE(end.ok());
  CHECK(end->turn.progress == Progress::kEnd);
  CHECK(!end->claim);
  CHECK(bench.ahead.over());
}

TEST_CASE("no more is read ahead than was said, and the chunk that is out is left alone") {
  Bench bench(100);
  bench.countTurns();
  bench.start();
  auto first = bench.take();
  REQUIRE(first.ok());
  CHECK(comesTrue([&] { return bench.turns == 1 + ReadAhead::kDepth; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(bench.turns == 1 + ReadAhead::kDepth);
  CHECK(isWhole(*first, 0));
}

TEST_CASE("chunks that many hold at once are in as many places") {
  Bench bench(20);
  bench.start();
  std::vector<Arrival> held;
  for (int i = 0; i < 20; ++i) {
    auto arrival = bench.take();
    REQUIRE(arrival.ok());
    held.push_back(std::move(*arrival));
  }
  for (uint64_t number = 0; number < 20; ++number) CHECK(isWhole(held[number], number));
}

TEST_CASE("a failure comes after what was read before it, and nothing comes after the failure") {
  Bench bench(100);
  bench.source->before = [](uint64_t number) -> Result<Progress> {
    if (number == 3) return Failure::system(EIO, "read", "a broken device");
    return Progress::kBytes;
  };
  bench.start();
  for (uint64_t number = 0; number < 3; ++number) {
    auto arrival = bench.take();
    REQUIRE(arrival.ok());
    CHECK(numberOf(*arrival) == number);
  }
  auto failed = bench.take();
  REQUIRE(!failed.ok());
  CHECK(failed.failure().error == EIO);
  CHECK(bench.ahead.over());
  auto after = bench.take();
  REQUIRE(!after.ok());
  CHECK(after.failure().reason == Reason::kCancelled);
}

TEST_CASE("a device that has nothing for now ends it, and may be read ahead anew") {
  Bench bench(100);
  bench.source->before = [](uint64_t number) -> Result<Progress> {
    return number == 2 ? Progress::kDrained : Progress::kBytes;
  };
  bench.start();
  CHECK(numberOf(*bench.take()) == 0);
  CHECK(numberOf(*bench.take()) == 1);
  CHECK(bench.take()->turn.progress == Progress::kDrained);
  CHECK(bench.ahead.over());
  bench.thread.join();
  bench.source->before = [](uint64_t) -> Result<Progress> { return Progress::kBytes; };
  ReadAhead again(bench.source, bench.flight, bench.slots);
  bench.thread = std::thread([&] { again.run(); });
  std::optional<Result<Arrival>> third;
  CHECK(comesTrue([&] { return third || (third = again.take([] {})); }));
  CHECK(numberOf(**third) == 2);
  again.stop();
  bench.thread.join();
}

TEST_CASE("a chunk that a device has mapped is laid aside, and stays what it was while others are read") {
  Bench bench(100);
  bench.source->mapped = true;
  bench.start();
  auto first = bench.take();
  REQUIRE(first.ok());
  const bool own = first->claim != nullptr;
  CHECK(own);
  CHECK(numberOf(*bench.take()) == 1);
  CHECK(numberOf(*bench.take()) == 2);
  CHECK(numberOf(*first) == 0);
}

TEST_CASE("of large chunks none is read ahead: memory stays bounded") {
  for (const bool mapped : {false, true}) {
    CAPTURE(mapped);
    auto source = std::make_shared<Numbered>(uint64_t{64} << 20, ChunkSource::kLargestAside + 4096);
    source->mapped = mapped;
    ReadAhead ahead(source, std::make_shared<FlightRing>(), std::make_shared<ChunkSlots>());
    ahead.run();
    auto first = ahead.take(nullptr);
    REQUIRE(first);
    REQUIRE(first->ok());
    CHECK(numberOf(**first) == 0);
    const bool inPlace = (*first)->claim == nullptr;
    CHECK(inPlace == mapped);
    CHECK(ahead.over());
    CHECK(source->number == 1);
  }
}

TEST_CASE("stopped while somebody waits, it tells him") {
  Bench bench(100);
  std::promise<void> reading;
  std::promise<void> goOn;
  bench.source->before = [&](uint64_t number) -> Result<Progress> {
    if (number == 0) {
      reading.set_value();
      goOn.get_future().wait();
      return Failure::because(Reason::kCancelled, "read");
    }
    return Progress::kBytes;
  };
  bench.start();
  std::promise<void> there;
  REQUIRE(!bench.ahead.take([&] { there.set_value(); }));
  reading.get_future().wait();
  bench.ahead.stop();
  goOn.set_value();
  there.get_future().wait();
  auto told = bench.ahead.take(nullptr);
  REQUIRE(told);
  REQUIRE(!told->ok());
  CHECK(told->failure().reason == Reason::kCancelled);
}

TEST_CASE("stopped before it began, it reads nothing and lets go of the source") {
  Bench bench(100);
  std::promise<void> there;
  REQUIRE(!bench.ahead.take([&] { there.set_value(); }));
  bench.ahead.stop();
  bench.start();
  there.get_future().wait();
  CHECK(!bench.ahead.take(nullptr)->ok());
  bench.thread.join();
  CHECK(bench.source.use_count() == 1);
  CHECK(bench.source->number == 0);
}

TEST_CASE("with all of what it may read ahead in store, stopping ends it") {
  Bench bench(100);
  bench.countTurns();
  bench.start();
  CHECK(comesTrue([&] { return bench.turns == ReadAhead::kDepth; }));
  bench.ahead.stop();
  bench.thread.join();
  CHECK(numberOf(*bench.take()) == 0);
  CHECK(numberOf(*bench.take()) == 1);
  CHECK(!bench.take().ok());
}
