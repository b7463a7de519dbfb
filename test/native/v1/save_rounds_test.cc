// SPDX-License-Identifier: MIT
#include "core/v1/save_rounds.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "core/simulated/simulated_device.h"

namespace vfm {
namespace {

constexpr uint32_t kRegion = 9;  // where the simulated device has it

// A stopped device that stages chunks of `chunk` bytes.
struct Saving {
  std::shared_ptr<Device> device;
  std::unique_ptr<V1SaveRounds> rounds;

  Saving(DataSection data, uint64_t chunk) {
    SimulatedOptions options;
    options.protocol = SimulatedProtocol::kV1;
    options.stateBytes = 4 * chunk;
    options.chunkBytes = chunk;
    options.data = data;
    device = *openSimulated(options);
    const uint32_t state = V1Registers::kStopCopy;
    REQUIRE(device
                ->writeRegion(kRegion, V1Registers::kDeviceState,
                              {reinterpret_cast<const uint8_t*>(&state), sizeof state})
                .ok());
    rounds = std::make_unique<V1SaveRounds>(device, kRegion, DataPath::kAuto, SIZE_MAX);
  }
};

}  // namespace

TEST_CASE("v1 rounds: a mapped chunk is lent in place where that may be, and laid aside where not") {
  Saving saving(DataSection::kMapped, 1 << 20);
  std::shared_ptr<Memory> memory;
  auto lent = saving.rounds->nextInto(memory, Place::kAnywhere);
  REQUIRE(lent.ok());
  CHECK(!memory);
  CHECK(lent->bytes.size > 0);

  auto aside = saving.rounds->nextInto(memory, Place::kAside);
  REQUIRE(aside.ok());
  REQUIRE(static_cast<bool>(memory));
  const bool own = aside->memory == memory;
  CHECK(own);
  CHECK(aside->bytes.data == memory->data());
  const std::vector<uint8_t> before(aside->bytes.data, aside->bytes.data + aside->bytes.size);
  REQUIRE(saving.rounds->next().ok());  // the device stages the next one
  CHECK(std::memcmp(before.data(), memory->data(), before.size()) == 0);
}

TEST_CASE("v1 rounds: what lies aside is what would have been lent") {
  Saving one(DataSection::kMapped, 1 << 20);
  Saving other(DataSection::kMapped, 1 << 20);
  std::shared_ptr<Memory> memory;
  for (;;) {
    auto lent = one.rounds->next();
    auto aside = other.rounds->nextInto(memory, Place::kAside);
    REQUIRE(lent.ok());
    REQUIRE(aside.ok());
    REQUIRE(lent->progress == aside->progress);
    if (lent->progress != Progress::kBytes) break;
    REQUIRE(lent->bytes.size == aside->bytes.size);
    CHECK(std::memcmp(lent->bytes.data, aside->bytes.data, lent->bytes.size) == 0);
  }
}

TEST_CASE("v1 rounds: a large mapped chunk is never copied unless it is to be owned") {
  Saving saving(DataSection::kMapped, ChunkSource::kLargestAside + 4096);
  std::shared_ptr<Memory> memory;
  auto turn = saving.rounds->nextInto(memory, Place::kAside);
  REQUIRE(turn.ok());
  REQUIRE(turn->bytes.size > ChunkSource::kLargestAside);
  CHECK(!memory);
  auto owned = saving.rounds->nextOwned();
  REQUIRE(owned.ok());
  CHECK(owned->bytes.data != turn->bytes.data);
}

TEST_CASE("v1 rounds: what is read by the registers' way is always in memory of the caller") {
  Saving saving(DataSection::kTrapped, 1 << 20);
  for (const Place place : {Place::kAnywhere, Place::kAside}) {
    std::shared_ptr<Memory> memory;
    auto turn = saving.rounds->nextInto(memory, place);
    REQUIRE(turn.ok());
    REQUIRE(static_cast<bool>(memory));
    CHECK(turn->bytes.data == memory->data());
  }
}

}  // namespace vfm
