// SPDX-License-Identifier: MIT
// What all personalities have in common, and what their table says.
#include "core/simulated/personality.h"

#include "simulated/personality_bench.h"

using namespace bench;

TEST_CASE("personalities: each is found by its name, and offers what its driver does") {
  struct Case {
    const char* name;
    uint64_t flags;
    DrainedConvention drained;
  };
  constexpr uint64_t stopCopy = v2::kFlagStopCopy, p2p = v2::kFlagP2p, precopy = v2::kFlagPreCopy;
  for (const Case& c : {Case{"mlx5", stopCopy | p2p | precopy, DrainedConvention::kEnomsg},
                        Case{"hisi_acc", stopCopy | precopy, DrainedConvention::kZero},
                        Case{"pds", stopCopy | p2p, DrainedConvention::kZero},
                        Case{"qat", stopCopy | p2p | precopy, DrainedConvention::kZero},
                        Case{"virtio", stopCopy | p2p | precopy, DrainedConvention::kEnomsg},
                        Case{"xe", stopCopy | p2p, DrainedConvention::kZero}}) {
    CAPTURE(c.name);
    auto personality = personalityNamed(c.name);
    REQUIRE(personality);
    BenchDevice device(like(*personality));
    CHECK(*device->migrationFlags() == c.flags);
    CHECK(optionsAs(*personality).drained == c.drained);
    CHECK(std::string(factsOf(*personality).name) == c.name);
  }
  CHECK(personalityNamed("i915") == Personality::kI915);
  CHECK(personalityNamed("libvfio-user") == Personality::kLibvfioUser);
  CHECK_FALSE(personalityNamed("nvme"));
}

TEST_CASE("personalities: a stop-and-copy carries everything from one to another of its kind") {
  for (Personality personality : kV2Personalities) {
    CAPTURE(factsOf(personality).name);
    BenchDevice source(like(personality)), target(like(personality, 0));
    source.step();
    auto stream = saveWhole(source);
    CHECK(stream.size() == *source->migrationDataSize());
    CHECK(loadWhole(target, stream) == 0);
    CHECK(target.memory() == expectedMemory(kSmall, true, 7, 1));
  }
}

TEST_CASE("personalities: a stream of one is nothing to another") {
  auto stream = saveWhole(BenchDevice(like(Personality::kMlx5)));
  for (Personality personality : kV2Personalities) {
    CAPTURE(factsOf(personality).name);
    BenchDevice target(like(personality, 0));
    int error = loadWhole(target, stream);
    CHECK((error == 0) == (personality == Personality::kMlx5));
  }
}

TEST_CASE("personalities: the estimate is the whole state's, whatever was read of it") {
  for (Personality personality : kV2Personalities) {
    CAPTURE(factsOf(personality).name);
    BenchDevice device(like(personality));
    const uint64_t before = *device->migrationDataSize();
    std::unique_ptr<Session> session;
    REQUIRE(device.set(v2::kStopCopy, &session) == 0);
    uint8_t buffer[4096];
    REQUIRE(session->read({buffer, sizeof buffer}).ok());
    CHECK(*device->migrationDataSize() == before);
  }
}

TEST_CASE("personalities: what is asked for goes before what the personality brings") {
  SimulatedOptions options = like(Personality::kMlx5);
  options.precopy = false;
  BenchDevice device(options);
  CHECK(*device->migrationFlags() == (v2::kFlagStopCopy | v2::kFlagP2p));
}

TEST_CASE("personalities: nothing happens by itself where it could not") {
  SimulatedOptions options = like(Personality::kQat);
  options.events = {{EventKind::kPeerGone, 0}};
  CHECK(SimulatedDevice::open(options).failure().reason == Reason::kInvalidArgument);
  CHECK(BenchDevice(like(Personality::kQat))->happen(EventKind::kSaveFails).failure().reason ==
        Reason::kInvalidArgument);
  CHECK(BenchDevice(v1Options())->happen(EventKind::kError).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE("personalities: events strike once, before the call they were set on, and are counted") {
  SimulatedOptions options = like(Personality::kXe);
  options.events = {{EventKind::kError, std::nullopt, Operation::kSetState, "stop", 2},
                    {EventKind::kError, 60'000}};
  BenchDevice device(options);
  REQUIRE(device.set(v2::kStop) == 0);
  REQUIRE(device.set(v2::kRunning) == 0);
  CHECK(device.set(v2::kStop) == EINVAL);
  CHECK(device.state() == v2::kError);
  REQUIRE(device->reset().ok());
  CHECK(device.set(v2::kStop) == 0);
  CHECK(device->ledger()->strikes(Ledger::Kind::kEvent) == std::vector<uint64_t>{1, 0});
}

TEST_CASE(
    "personalities: P2P is a full stop on qat and xe: accesses are answered, commands wait and migrate") {
  for (Personality personality : kV2Personalities) {
    const PersonalityFacts& facts = factsOf(personality);
    if (!facts.p2p) continue;
    const bool suspends = personality == Personality::kQat || personality == Personality::kXe;
    CAPTURE(facts.name);
    BenchDevice device(like(personality));
    REQUIRE(device.set(v2::kRunningP2p) == 0);
    CHECK(device.put<uint32_t>(0, 0x10, 5) == 0);
    CHECK(device.scratch() == 5);
    device.step();
    CHECK(device.steps() == (suspends ? 0 : 1));
    CHECK(device.put<uint32_t>(0, 0x1c, 9) == EINVAL);
    REQUIRE(device.set(v2::kRunning) == 0);
    CHECK(device.steps() == 1);
    CHECK(device.runCount() == (suspends ? 1 : 0));

    REQUIRE(device.set(v2::kRunningP2p) == 0);
    for (int i = 0; i < 3; ++i) device.step();
    BenchDevice target(like(personality, 0));
    CHECK(loadWhole(target, saveWhole(device)) == 0);
    CHECK(target.steps() == 4);
    CHECK(target.runCount() == 1);
    CHECK(target.memory() == expectedMemory(kSmall, true, 7, 4));
  }
  BenchDevice full(like(Personality::kQat));
  REQUIRE(full.set(v2::kRunningP2p) == 0);
  for (int i = 0; i < 8; ++i) full.step();
  CHECK(full.put<uint32_t>(0, 0x1c, 2) == EBUSY);
}
