// SPDX-License-Identifier: MIT
// The habits of i915 and of libvfio-user's v1.
#include "simulated/personality_bench.h"

using namespace bench;

namespace {
constexpr uint64_t kPending = 8, kOffset = 16, kSize = 24;
}

TEST_CASE("i915: every refused state change, and every state that nobody may ask for, is the error state") {
  for (uint32_t value : {3u, 5u, 6u, 7u}) {
    CAPTURE(value);
    BenchDevice device(like(Personality::kI915));
    REQUIRE(device.setV1(2) == 0);
    CHECK(device.setV1(value) == EINVAL);
    CHECK(device.deviceState() == 6);
    CHECK(device.setV1(1) == EINVAL);
    REQUIRE(device->reset().ok());
    CHECK(device.deviceState() == 1);
  }
}

TEST_CASE("libvfio-user: a refused state change keeps the state") {
  for (uint32_t value : {3u, 4u, 5u, 6u, 7u}) {
    CAPTURE(value);
    BenchDevice device(like(Personality::kLibvfioUser));
    REQUIRE(device.setV1(2) == 0);
    CHECK(device.setV1(value) == EINVAL);
    CHECK(device.deviceState() == 2);
  }
  BenchDevice device(like(Personality::kLibvfioUser));
  CHECK(device.setV1(1) == 0);  // asking for the state it is in
  REQUIRE(device.setV1(3) == 0);
  CHECK(device.setV1(1) == EINVAL);
  REQUIRE(device.setV1(0) == 0);
  CHECK(device.setV1(2) == EINVAL);
}

TEST_CASE("v1 personalities: writing what is read-only is EPERM on i915 and EINVAL on libvfio-user") {
  for (auto [personality, expected] :
       {std::pair{Personality::kI915, EPERM}, std::pair{Personality::kLibvfioUser, EINVAL}}) {
    BenchDevice device(like(personality));
    REQUIRE(device.setV1(2) == 0);
    for (uint64_t offset : {kPending, kOffset, kSize})
      CHECK(device.put<uint64_t>(kMigrationRegion, offset, 1) == expected);
    CHECK(device.put<uint32_t>(kMigrationRegion, 4, 1) == 0);
    uint32_t narrow = 0;
    CHECK(device.get(kMigrationRegion, kPending, narrow) == EINVAL);
  }
}

TEST_CASE("i915: in 010 pending_bytes prepares the chunk, so that data_size is there without data_offset") {
  for (Personality personality : {Personality::kI915, Personality::kLibvfioUser}) {
    CAPTURE(factsOf(personality).name);
    const bool stages = personality == Personality::kI915;
    BenchDevice device(like(personality));
    uint64_t size = 0;
    REQUIRE(device.setV1(3) == 0);
    CHECK(device.read<uint64_t>(kMigrationRegion, kPending) > 0);
    CHECK(device.get(kMigrationRegion, kSize, size) == EINVAL);
    REQUIRE(device.setV1(2) == 0);
    CHECK(device.get(kMigrationRegion, kSize, size) == EINVAL);
    CHECK(device.read<uint64_t>(kMigrationRegion, kPending) > 0);
    CHECK(device.get(kMigrationRegion, kSize, size) == (stages ? 0 : EINVAL));
    if (stages) CHECK(size > 0);
    CHECK(device.read<uint64_t>(kMigrationRegion, kOffset) > 0);
    CHECK(device.get(kMigrationRegion, kSize, size) == 0);
  }
}

TEST_CASE("i915: every read of data_offset prepares the chunk anew") {
  for (Personality personality : {Personality::kI915, Personality::kLibvfioUser}) {
    CAPTURE(factsOf(personality).name);
    BenchDevice device(like(personality));
    REQUIRE(device.setV1(3) == 0);
    CHECK(device.read<uint64_t>(kMigrationRegion, kPending) > 0);
    const uint64_t offset = device.read<uint64_t>(kMigrationRegion, kOffset);
    const auto first = device.read<uint64_t>(kMigrationRegion, offset + sizeof(ChunkHeader));
    REQUIRE(device.put<uint64_t>(2, 0, ~first) == 0);
    CHECK(device.read<uint64_t>(kMigrationRegion, kOffset) == offset);
    const auto again = device.read<uint64_t>(kMigrationRegion, offset + sizeof(ChunkHeader));
    CHECK(again == (personality == Personality::kI915 ? ~first : first));
  }
}
