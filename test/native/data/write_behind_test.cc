// SPDX-License-Identifier: MIT
#include "core/data/write_behind.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace vfm;

namespace {

void unmeasured(WriteBehind::Slot&) {}

std::unique_ptr<WriteBehind> started(WriteBehind::Put put, WriteBehind::Measure measure = unmeasured) {
  auto behind = WriteBehind::start(std::move(measure), std::move(put));
  REQUIRE(behind.ok());
  return std::move(*behind);
}

// Chunks are told apart by their sizes; nobody looks at their bytes.
void hand(WriteBehind& behind, size_t number) {
  behind.slot().chunk = ConstBytes{nullptr, number};
  behind.hand();
}

}  // namespace

TEST_CASE("everything is written, in order, before it is settled") {
  std::vector<size_t> written;
  auto behind = started([&](WriteBehind::Slot& slot) {
    written.push_back(slot.chunk.size);
    return Status::success();
  });
  for (size_t number = 0; number < 1000; ++number) {
    hand(*behind, number);
    if (number % 97 != 0) continue;
    REQUIRE(behind->settle().ok());
    REQUIRE(written.size() == number + 1);
  }
  REQUIRE(behind->settle().ok());
  REQUIRE(written.size() == 1000);
  for (size_t number = 0; number < 1000; ++number) CHECK(written[number] == number);
}

TEST_CASE("what was handed over is written even when nobody waits for it") {
  for (size_t count = 0; count < 10; ++count) {
    size_t written = 0;
    {
      auto behind = started([&](WriteBehind::Slot&) {
        std::this_thread::yield();
        ++written;
        return Status::success();
      });
      for (size_t number = 0; number < count; ++number) hand(*behind, number);
    }
    CHECK(written == count);
  }
}

TEST_CASE("after a failure nothing is written any more, nobody waits, and the failure is told") {
  for (size_t bad = 0; bad < 12; ++bad) {
    std::vector<size_t> written;
    auto behind = started([&](WriteBehind::Slot& slot) -> Status {
      if (slot.chunk.size == bad) return Failure::system(ENOSPC, "write", "test");
      written.push_back(slot.chunk.size);
      return {};
    });
    for (size_t number = 0; number < 40; ++number) hand(*behind, number);
    Status settled = behind->settle();
    REQUIRE_FALSE(settled.ok());
    CHECK(settled.failure().error == ENOSPC);
    CHECK(behind->failed());
    CHECK(written.size() == bad);
    CHECK_FALSE(behind->settle().ok());
  }
}

TEST_CASE("each chunk is measured once, before it is written") {
  std::atomic<size_t> measured{0};
  size_t unlike = 0;
  auto behind = started(
      [&](WriteBehind::Slot& slot) {
        if (slot.measured.crc != slot.chunk.size + 1) ++unlike;
        return Status::success();
      },
      [&](WriteBehind::Slot& slot) {
        slot.measured.crc = static_cast<uint32_t>(slot.chunk.size + 1);
        measured.fetch_add(1);
      });
  for (size_t number = 0; number < 20'000; ++number) {
    hand(*behind, number);
    if (number % 1009 == 0) REQUIRE(behind->settle().ok());
  }
  REQUIRE(behind->settle().ok());
  CHECK(measured == 20'000);
  CHECK(unlike == 0);
}

TEST_CASE("who would wait otherwise measures") {
  using namespace std::chrono_literals;
  const auto reader = std::this_thread::get_id();
  for (const bool slowWriter : {false, true}) {
    CAPTURE(slowWriter);
    std::atomic<int> here{0}, there{0};
    auto behind = started(
        [&](WriteBehind::Slot&) {
          if (slowWriter) std::this_thread::sleep_for(2ms);
          return Status::success();
        },
        [&](WriteBehind::Slot&) { ++(std::this_thread::get_id() == reader ? here : there); });
    for (size_t number = 0; number < 40; ++number) {
      hand(*behind, number);
      if (!slowWriter) std::this_thread::sleep_for(2ms);
    }
    REQUIRE(behind->settle().ok());
    CHECK(here + there == 40);
    CHECK((slowWriter ? here : there) > 20);
  }
}

TEST_CASE("four of them at once do not disturb each other") {
  constexpr size_t kChunks = 20'000;
  std::vector<std::thread> readers;
  std::vector<size_t> sums(4);
  for (size_t reader = 0; reader < sums.size(); ++reader) {
    readers.emplace_back([&, reader] {
      auto behind = WriteBehind::start(unmeasured, [&sum = sums[reader]](WriteBehind::Slot& slot) {
        sum += slot.chunk.size;
        return Status::success();
      });
      if (!behind.ok()) return;
      for (size_t number = 0; number < kChunks; ++number) {
        (*behind)->slot().chunk = ConstBytes{nullptr, number};
        (*behind)->hand();
      }
      (void)(*behind)->settle();
    });
  }
  for (std::thread& reader : readers) reader.join();
  for (const size_t sum : sums) CHECK(sum == kChunks * (kChunks - 1) / 2);
}
