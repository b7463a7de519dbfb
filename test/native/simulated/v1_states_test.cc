// SPDX-License-Identifier: MIT
// The v1 states and the register rules of a simulated device.
#include <random>
#include <set>

#include "simulated/bench_device.h"

using namespace bench;

namespace {

constexpr uint64_t kPending = 8, kOffset = 16, kSize = 24;

// The table of section 2, rule 6 of the project's protocol notes: what may be asked for, by state.
std::set<uint32_t> allowed(V1Arcs arcs, uint32_t from) {
  if (arcs == V1Arcs::kFull) return {0b000, 0b001, 0b010, 0b011, 0b100};
  bool lvu = arcs == V1Arcs::kLibvfioUser;
  switch (from) {
    case 0b001:
      return lvu ? std::set<uint32_t>{0, 1, 2, 3, 4} : std::set<uint32_t>{0, 2, 3, 4};
    case 0b011:
      return lvu ? std::set<uint32_t>{0, 2, 3} : std::set<uint32_t>{2};
    case 0b010:
      return lvu ? std::set<uint32_t>{0, 1, 2} : std::set<uint32_t>{0};
    case 0b000:
      return lvu ? std::set<uint32_t>{0, 1} : std::set<uint32_t>{1, 2};
    case 0b100:
      return lvu ? std::set<uint32_t>{1, 4} : std::set<uint32_t>{1};
    default:
      return {};
  }
}

}  // namespace

TEST_CASE("v1: random walks keep to each driver's arcs, keep bits 3-31, and refuse the reserved states") {
  for (V1Arcs arcs : {V1Arcs::kFull, V1Arcs::kI915, V1Arcs::kLibvfioUser}) {
    SimulatedOptions options = v1Options(DataSection::kTrapped, 64 << 10);
    options.arcs = arcs;
    options.reservedBits = 0x5a5a5a58;
    BenchDevice device(options);
    CHECK(device.deviceState() == (0x5a5a5a58 | 1));
    std::mt19937 random(static_cast<uint32_t>(arcs));
    uint32_t stored = device.deviceState();
    for (int i = 0; i < 1500; ++i) {
      uint32_t from = stored & 7;
      uint32_t to = random() % 8;
      uint32_t value = (static_cast<uint32_t>(random()) & ~7u) | to;
      int error = device.setV1(value);
      CAPTURE(from);
      CAPTURE(to);
      if (to > 4) {
        CHECK(error == EINVAL);
      } else if (!allowed(arcs, from).count(to)) {
        CHECK(error == EINVAL);
        if (arcs == V1Arcs::kI915) stored = (stored & ~7u) | 6;
      } else if (from == 4 && to != 4) {
        CHECK(error == EINVAL);  // nothing was loaded
        stored = (stored & ~7u) | 6;
      } else {
        CHECK(error == 0);
        stored = value;
      }
      CHECK(device.deviceState() == stored);
      uint32_t scratch = 0;
      bool runs = (stored & 1) != 0;
      CHECK(device.get(0, 0x10, scratch) == (runs ? 0 : EIO));
      CHECK(device.get(2, 0, scratch) == (runs ? 0 : EIO));
      if ((stored & 7) == 6) {
        for (uint32_t any = 0; any < 8; ++any) CHECK(device.setV1(any) == EINVAL);
        REQUIRE(device->reset().ok());
        stored = 0x5a5a5a58 | 1;
        CHECK(device.deviceState() == stored);
        CHECK(device.runCount() == 0);
      }
    }
  }
}

TEST_CASE("v1: each register in its own width and alignment, once") {
  BenchDevice device(v1Options());
  REQUIRE(device.setV1(2) == 0);
  uint8_t buffer[32] = {2};
  for (uint64_t offset = 0; offset < 40; ++offset) {
    for (size_t width : {1, 2, 3, 4, 5, 8, 16, 32}) {
      bool exact =
          (width == 4 && (offset == 0 || offset == 4)) || (width == 8 && (offset == 8 || offset == 16));
      if (offset == 24 && width == 8) continue;  // after data_offset only: below
      CAPTURE(offset);
      CAPTURE(width);
      CHECK(device->readRegion(9, offset, {buffer, width}).ok() == exact);
      if (exact) continue;
      auto wrote = device->writeRegion(9, offset, {buffer, width});
      REQUIRE_FALSE(wrote.ok());
      CHECK(wrote.failure().error == EINVAL);
    }
  }
  CHECK_FALSE(device->readRegion(9, 4092, {buffer, 8}).ok());  // into the data section
}

TEST_CASE("v1: read-only registers are EPERM, the reserved one reads 0 and swallows writes") {
  BenchDevice device(v1Options());
  for (uint32_t state : {1u, 2u, 4u}) {
    REQUIRE(device->reset().ok());
    REQUIRE(device.setV1(state) == 0);
    CHECK(device.put<uint64_t>(9, kPending, 0) == EPERM);
    CHECK(device.put<uint64_t>(9, kOffset, 0) == EPERM);
    CHECK(device.put<uint64_t>(9, kSize, 64) == (state == 2 ? EPERM : EINVAL));
    CHECK(device.put<uint32_t>(9, 4, 99) == 0);
    CHECK(device.read<uint32_t>(9, 4) == 0);
  }
}

TEST_CASE("v1: data registers and the data section answer only while saving or resuming") {
  BenchDevice device(v1Options());
  uint64_t value = 0;
  for (uint32_t state : {1u, 0u, 6u}) {
    if (state == 6) {
      REQUIRE(device.setV1(4) == 0);
      CHECK(device.setV1(1) == EINVAL);  // an empty load
    } else {
      REQUIRE(device.setV1(state) == 0);
    }
    CHECK(device.deviceState() == state);
    CHECK(device.get(9, kOffset, value) == EINVAL);
    CHECK(device.get(9, kSize, value) == EINVAL);
    CHECK(device.get(9, 4096, value) == EINVAL);
    CHECK(device.put<uint64_t>(9, 4096, 1) == EINVAL);
    CHECK(device.read<uint64_t>(9, kPending) == 0);
  }
  REQUIRE(device->reset().ok());
  REQUIRE(device.setV1(3) == 0);
  CHECK(device.get(9, kSize, value) == EINVAL);  // before data_offset
  CHECK(device.get(9, kOffset, value) == 0);
  CHECK(device.get(9, kSize, value) == 0);
  CHECK(device.put<uint64_t>(9, 4096, 1) == EINVAL);  // not while saving
  CHECK(device.read<uint64_t>(9, kPending) > 0);      // acknowledges
  CHECK(device.get(9, kSize, value) == EINVAL);
}

TEST_CASE("v1: faults keep the state, or lead to the error state") {
  SimulatedOptions options = v1Options();
  options.faults = {{Operation::kSetState, "stop-copy", ETIMEDOUT, 1, 1, FaultOutcome::kKeep},
                    {Operation::kSetState, "stop-copy", EIO, 2, 1, FaultOutcome::kError},
                    {Operation::kRegisterRead, "pending-bytes", EBUSY, 3, 1, FaultOutcome::kKeep},
                    {Operation::kReset, "", EBUSY}};
  BenchDevice device(options);
  CHECK(device.setV1(2) == ETIMEDOUT);
  CHECK(device.deviceState() == 1);
  uint64_t value = 0;
  CHECK(device.get(9, kPending, value) == 0);
  CHECK(device.get(9, kPending, value) == 0);
  CHECK(device.get(9, kPending, value) == EBUSY);
  CHECK(device.setV1(2) == EIO);
  CHECK(device.deviceState() == 6);
  CHECK(device->reset().failure().error == EBUSY);
  CHECK(device.deviceState() == 6);
  CHECK(device->reset().ok());
  CHECK(device.deviceState() == 1);
}

TEST_CASE("v1: lies on demand") {
  SimulatedOptions options = v1Options(DataSection::kMapped);
  options.lies = {
      {"data-offset", ~0ull, 2, 1}, {"data-size", 1ull << 40, 1, 1}, {"area-size", 1ull << 50, 1, 1}};
  BenchDevice device(options);
  REQUIRE(device.setV1(2) == 0);
  CHECK(device.read<uint64_t>(9, kOffset) == 4096);
  CHECK(device.read<uint64_t>(9, kOffset) == ~0ull);
  CHECK(device.read<uint64_t>(9, kOffset) == 4096);
  CHECK(device.read<uint64_t>(9, kSize) == 1ull << 40);
  CHECK(device.read<uint64_t>(9, kSize) < 1 << 20);
  CHECK(device->regionInfo(9)->mappable[0].size == 1ull << 50);
  CHECK(device->regionInfo(9)->mappable[0].size == 64 << 10);
}
