// SPDX-License-Identifier: MIT
#include "core/data/pump_mode.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace vfm;

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// A pump over a sink with a known speed in each mode, on a clock of its own.
struct Track {
  PumpMode mode;
  PumpMode::Clock::time_point now{};
  double serial = 1;      // GiB/s
  double overlapped = 1;  // GiB/s
  uint64_t moved[2] = {0, 0};

  Track() { mode.begin(now); }
  void run(uint64_t bytes) {
    for (uint64_t done = 0; done < bytes; done += kMiB) {
      const double speed = (mode.overlapped() ? overlapped : serial) * 1024 * kMiB;
      now +=
          std::chrono::duration_cast<PumpMode::Clock::duration>(std::chrono::duration<double>(kMiB / speed));
      moved[mode.overlapped() ? 1 : 0] += kMiB;
      mode.moved(kMiB, [&] { return now; });
    }
  }
};

constexpr uint64_t kTrial = PumpMode::kWindow * (1 + 2 * PumpMode::kPairs);

}  // namespace

TEST_CASE("a pump begins with one thread, and a small state never has two") {
  Track track;
  track.overlapped = 100;
  track.run(2 * PumpMode::kWindow);
  CHECK(track.moved[1] == 0);
}

TEST_CASE("a pump stays with two threads where they are faster, and with one where they are not") {
  for (const bool faster : {false, true}) {
    Track track;
    track.overlapped = faster ? 1.4 : 0.7;
    track.run(kTrial);
    CHECK(track.mode.overlapped() == faster);
    track.run(400 * kMiB);
    CHECK(track.mode.overlapped() == faster);
  }
}

TEST_CASE("two threads that are hardly faster are not worth their processor time") {
  Track track;
  track.overlapped = 1.02;
  track.run(kTrial);
  CHECK_FALSE(track.mode.overlapped());
}

TEST_CASE("a pump notices when the other mode has become faster") {
  Track track;
  track.overlapped = 1.5;
  track.run(kTrial);
  REQUIRE(track.mode.overlapped());
  track.overlapped = 0.5;
  track.run(PumpMode::kFirstRest + PumpMode::kClearRest + 2 * kTrial);
  CHECK_FALSE(track.mode.overlapped());
}

TEST_CASE("what trying costs is little over a long run") {
  Track track;
  track.overlapped = 1.4;
  track.run(32 * 1024 * kMiB);
  CHECK(track.moved[0] < 32 * 1024 * kMiB / 100);
}

TEST_CASE("a pump that was told to stay with one thread does") {
  Track track;
  track.overlapped = 9;
  track.run(3 * PumpMode::kWindow);
  track.mode.settleOnSerial();
  const uint64_t before = track.moved[1];
  track.run(4096 * kMiB);
  CHECK(track.moved[1] == before);
}

TEST_CASE("time between two pumps of one source counts for neither mode") {
  Track track;
  track.overlapped = 1.4;
  for (int i = 0; i < 40; ++i) {
    track.run(4 * kMiB);
    track.now += std::chrono::seconds(10);
    track.mode.begin(track.now);
  }
  track.run(kTrial);
  CHECK(track.mode.overlapped());
}

TEST_CASE("a first trial that a second one contradicts has lasted for little") {
  for (const bool faster : {false, true}) {
    Track track;
    // The one moment in which it was tried was somebody else's.
    track.overlapped = faster ? 0.5 : 2;
    track.run(kTrial);
    REQUIRE(track.mode.overlapped() != faster);
    track.overlapped = faster ? 2 : 0.5;
    track.run(PumpMode::kFirstRest + kTrial);
    CHECK(track.mode.overlapped() == faster);
  }
}

TEST_CASE("what is expected of a sink begins, and stays unless the other mode is much faster") {
  for (const bool expected : {false, true}) {
    for (const double other : {0.6, 1.0, 1.2, 1.4}) {
      Track track;
      track.mode.expect(expected);
      (expected ? track.serial : track.overlapped) = other;
      track.run(PumpMode::kWindow);
      CHECK(track.mode.overlapped() == expected);
      track.run(kTrial - PumpMode::kWindow);
      CHECK(track.mode.overlapped() == (other > PumpMode::kUnexpected ? !expected : expected));
    }
  }
}

TEST_CASE("what is expected of a sink does not count any more once both modes were tried") {
  Track track;
  track.overlapped = 2;
  track.run(kTrial);
  track.mode.expect(false);
  track.run(kTrial);
  CHECK(track.mode.overlapped());
}
