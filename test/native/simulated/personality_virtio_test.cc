// SPDX-License-Identifier: MIT
// virtio-vfio-pci's habits.
#include <chrono>
#include <thread>

#include "simulated/personality_bench.h"

using namespace bench;

TEST_CASE("virtio: once a second asking finds the whole context dirty, though nothing changes") {
  BenchDevice device(like(Personality::kVirtio));
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  CHECK(session->precopyInfo()->dirtyBytes == 0);
  std::vector<uint8_t> stream;
  CHECK(drain(*session, stream) == Progress::kDrained);
  const size_t once = stream.size();
  CHECK(session->precopyInfo()->dirtyBytes == 0);  // asked within the second
  CHECK(drain(*session, stream) == Progress::kDrained);
  CHECK(stream.size() == once);
  for (int round = 1; round <= 2; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1020));
    CHECK(session->precopyInfo()->dirtyBytes == kSmall);
    CHECK(drain(*session, stream) == Progress::kDrained);
    CHECK(stream.size() == once + static_cast<size_t>(round) * (24 + kSmall));
    CHECK(session->precopyInfo()->dirtyBytes == 0);
  }
  // And the last save is of the whole context again.
  REQUIRE(device.set(v2::kStopCopy) == 0);
  const size_t before = stream.size();
  CHECK(drain(*session, stream) == Progress::kEnd);
  CHECK(stream.size() - before >= kSmall);
  BenchDevice target(like(Personality::kVirtio, 0));
  CHECK(loadWhole(target, stream) == 0);
  CHECK(target.memory() == expectedMemory(kSmall, true, 7, 0));
}

TEST_CASE("virtio: the size of the data takes its time") {
  const SimulatedOptions options = optionsAs(Personality::kVirtio);
  REQUIRE(options.delays.size() == 1);
  CHECK(options.delays[0].operation == Operation::kDataSize);
  CHECK(options.delays[0].milliseconds > 0);
}

TEST_CASE("virtio: an unknown mandatory record is EOPNOTSUPP, and ends the load's file") {
  auto stream = saveWhole(BenchDevice(like(Personality::kVirtio)));
  BenchDevice target(like(Personality::kVirtio, 0));
  std::unique_ptr<Session> session;
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  stream[32] = 9;
  CHECK(feed(*session, stream) == EOPNOTSUPP);
  CHECK(feed(*session, stream) == ENODEV);
  CHECK(target.set(v2::kStop) == 0);
}
