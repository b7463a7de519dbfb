// SPDX-License-Identifier: MIT
#include "core/device/stream_end.h"

#include <doctest/doctest.h>

#include <deque>

using namespace vfm;

namespace {

// Plays back what a driver answers: n >= 0 bytes, or a negative errno; and the states sampled between reads.
struct Script {
  std::deque<int> reads;
  std::deque<uint32_t> states;

  Result<ReadOutcome> run() {
    return readStream(
        [this]() -> Result<size_t> {
          REQUIRE(!reads.empty());
          int answer = reads.front();
          reads.pop_front();
          if (answer < 0) return Failure::system(-answer, "read", "read");
          return static_cast<size_t>(answer);
        },
        [this]() -> Result<uint32_t> {
          REQUIRE(!states.empty());
          uint32_t state = states.front();
          states.pop_front();
          return state;
        });
  }
};

}  // namespace

TEST_CASE("bytes are bytes, and nobody asks for the state") {
  Script script{{512}, {}};
  auto outcome = script.run();
  REQUIRE(outcome.ok());
  CHECK(outcome->progress == Progress::kBytes);
  CHECK(outcome->bytes == 512);
}

TEST_CASE("both ways of saying that a pre-copy has nothing for now mean drained") {
  for (uint32_t state : {6u, 7u, 9u}) {
    for (int silence : {0, -ENOMSG}) {
      Script script{{silence}, {state}};
      auto outcome = script.run();
      REQUIRE(outcome.ok());
      CHECK(outcome->progress == Progress::kDrained);
    }
  }
}

TEST_CASE("the end needs a second 0 that began in STOP_COPY") {
  Script script{{0, 0}, {3}};
  auto outcome = script.run();
  REQUIRE(outcome.ok());
  CHECK(outcome->progress == Progress::kEnd);
}

TEST_CASE("a pre-copy read that found nothing just before the switch to STOP_COPY is not the end") {
  for (int silence : {0, -ENOMSG}) {
    Script script{{silence, 4096}, {3}};
    auto outcome = script.run();
    REQUIRE(outcome.ok());
    CHECK(outcome->progress == Progress::kBytes);
    CHECK(outcome->bytes == 4096);
  }
}

TEST_CASE("ENOMSG throughout STOP_COPY is a driver's mistake, not patience") {
  Script script{{-ENOMSG, -ENOMSG}, {3}};
  auto outcome = script.run();
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.failure().error == ENOMSG);
}

TEST_CASE("nothing, outside the saving states, is a session that ended") {
  for (uint32_t state : {0u, 1u, 2u, 4u, 5u}) {
    Script silent{{0, 0}, {state}};
    CHECK(silent.run().failure().error == ENODEV);
    Script honest{{0, -ENODEV}, {state}};
    CHECK(honest.run().failure().error == ENODEV);
  }
}

TEST_CASE("EINTR is retried, EAGAIN is passed on, other errors are failures") {
  Script interrupted{{-EINTR, -EINTR, 7}, {}};
  CHECK(interrupted.run()->bytes == 7);
  Script again{{-EAGAIN}, {}};
  CHECK(again.run()->progress == Progress::kAgain);
  Script late{{0, -EINTR, -EAGAIN}, {3}};
  CHECK(late.run()->progress == Progress::kAgain);
  Script broken{{-EIO}, {}};
  CHECK(broken.run().failure().error == EIO);
}

TEST_CASE("a state that cannot be read is the failure reported") {
  auto outcome = readStream([]() -> Result<size_t> { return size_t{0}; },
                            []() -> Result<uint32_t> { return Failure::system(EIO, "ioctl", "GET"); });
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.failure().error == EIO);
}
