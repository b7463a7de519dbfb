// SPDX-License-Identifier: MIT
// The v2 state machine of a simulated device, against a second statement of the rules.
#include <map>
#include <random>
#include <set>

#include "simulated/bench_device.h"

using namespace bench;
using namespace vfm::v2;

namespace {

// The arcs a driver implements, as the uAPI lists them, and a search over them: what the core's table is a
// digest of.
const std::map<uint32_t, std::set<uint32_t>> kArcs = {
    {kRunning, {kRunningP2p, kPreCopy}},
    {kRunningP2p, {kRunning, kStop, kPreCopyP2p}},
    {kStop, {kRunningP2p, kStopCopy, kResuming}},
    {kStopCopy, {kStop}},
    {kResuming, {kStop}},
    {kPreCopy, {kRunning, kPreCopyP2p}},
    {kPreCopyP2p, {kRunningP2p, kPreCopy, kStopCopy}},
};

SimulatedOptions withFlags(bool p2p, bool precopy) {
  SimulatedOptions options = v2Options(64 << 10);
  options.p2p = p2p;
  options.precopy = precopy;
  return options;
}

}  // namespace

TEST_CASE("v2: every hop of the full table is an arc that drivers implement, and every path arrives") {
  constexpr uint32_t all = kFlagStopCopy | kFlagP2p | kFlagPreCopy;
  for (uint32_t from = 1; from < kStates; ++from) {
    for (uint32_t to = 1; to < kStates; ++to) {
      if (from == to) continue;
      uint32_t at = from;
      int hops = 0;
      while (at != to && nextHop(all, at, to) != kError) {
        uint32_t next = nextHop(all, at, to);
        CAPTURE(stateName(from));
        CAPTURE(stateName(to));
        CHECK(kArcs.at(at).count(next) == 1);
        at = next;
        REQUIRE(++hops < 8);
      }
      bool blocked = from == kStopCopy && isPreCopy(to);
      CHECK((at == to) == !blocked);
      // No path enters or leaves the saving states midway: sessions begin and end at the path's ends only.
      if (isSaving(from) && isSaving(to) && !blocked) CHECK(hops <= 2);
    }
  }
}

TEST_CASE("v2: states that the flags do not have are EINVAL and change nothing") {
  for (bool p2p : {false, true}) {
    for (bool precopy : {false, true}) {
      BenchDevice device(withFlags(p2p, precopy));
      CHECK(*device->migrationFlags() == (1u | (p2p ? 2u : 0u) | (precopy ? 4u : 0u)));
      for (uint32_t state = 0; state < 12; ++state) {
        REQUIRE(device->reset().ok());
        bool exists = state >= 1 && state <= 7 && (p2p || (state != 5 && state != 7)) &&
                      (precopy || (state != 6 && state != 7));
        CAPTURE(state);
        CHECK(device.set(state) == (exists ? 0 : EINVAL));
        CHECK(device.state() == (exists ? state : kRunning));
      }
    }
  }
}

TEST_CASE("v2: random walks: state, sessions and run count are what the rules say") {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    bool p2p = seed & 1, precopy = seed & 2;
    BenchDevice device(withFlags(p2p, precopy));
    std::mt19937 random(seed);
    uint32_t state = kRunning;
    uint32_t runs = 0;
    for (int i = 0; i < 400; ++i) {
      uint32_t target = 1 + random() % 7;
      std::unique_ptr<Session> session;
      int error = device.set(target, &session);
      CAPTURE(stateName(state));
      CAPTURE(stateName(target));
      bool exists =
          (p2p || (target != kRunningP2p && target != kPreCopyP2p)) && (precopy || !isPreCopy(target));
      if (!exists || (state == kStopCopy && isPreCopy(target)) ||
          (state == kResuming && target != kResuming)) {
        CHECK(error == EINVAL);  // no such state; no way; nothing was loaded
        CHECK(device.state() == state);
        if (state == kResuming) {
          REQUIRE(device->reset().ok());
          state = kRunning;
          runs = 0;
        }
        continue;
      }
      REQUIRE(error == 0);
      bool opens = target != state && (target == kResuming || (isSaving(target) && !isSaving(state)));
      CHECK(static_cast<bool>(session) == opens);
      auto running = [](uint32_t s) { return s == kRunning || s == kRunningP2p || isPreCopy(s); };
      // On the way from RUNNING to anything the device stops at most at the end.
      if (!running(state) && running(target)) ++runs;
      // STOP_COPY or STOP to the others passes no running state; PRE_COPY to STOP never stops and restarts.
      state = target;
      CHECK(device.state() == state);
      uint32_t count = 0;
      int access = device.get(0, 0x30, count);
      CHECK(access == (running(state) ? 0 : EIO));
      if (running(state)) CHECK(count == runs);
    }
  }
}

TEST_CASE("v2: a fault may strike at any hop, and the device stays where it is by then") {
  struct Case {
    const char* hop;
    uint32_t left;
  };
  for (Case c : {Case{"running-p2p", kRunning}, Case{"stop", kRunningP2p}, Case{"stop-copy", kStop}}) {
    SimulatedOptions options = v2Options(64 << 10);
    options.faults = {{Operation::kSetState, c.hop, ENOTCONN, 1, 1, FaultOutcome::kKeep}};
    BenchDevice device(options);
    CHECK(device.set(kStopCopy) == ENOTCONN);
    CHECK(device.state() == c.left);
    CHECK(device.set(kStopCopy) == 0);
    CHECK(device.state() == kStopCopy);
  }
}

TEST_CASE("v2: a fault into the error state is left only by reset") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {{Operation::kSetState, "stop-copy", EIO, 2, 1, FaultOutcome::kError}};
  BenchDevice device(options);
  REQUIRE(device.set(kStopCopy) == 0);
  REQUIRE(device.set(kRunning) == 0);
  CHECK(device.set(kStopCopy) == EIO);
  CHECK(device.state() == kError);
  for (uint32_t state = 1; state < 8; ++state) CHECK(device.set(state) == EINVAL);
  CHECK(device.set(kError) == 0);  // the core's loop has nothing to do
  uint32_t value = 0;
  CHECK(device.get(0, 0x10, value) == EIO);
  REQUIRE(device->reset().ok());
  CHECK(device.state() == kRunning);
  CHECK(device.runCount() == 0);
}

TEST_CASE("v2: EMFILE leaves the requested state without a session, until the state is left") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {{Operation::kSetState, "stop-copy", EMFILE, 1, 1, FaultOutcome::kRequested}};
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  CHECK(device.set(kStopCopy, &session) == EMFILE);
  CHECK(device.state() == kStopCopy);
  CHECK(device.set(kStopCopy, &session) == 0);
  CHECK_FALSE(session);
  REQUIRE(device.set(kStop) == 0);
  CHECK(device.set(kStopCopy, &session) == 0);
  CHECK(session);
}

TEST_CASE("v2: reads, writes, information and estimates fail when they are told to, for as often as told") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {{Operation::kRead, "", EIO, 2, 2, FaultOutcome::kKeep},
                    {Operation::kPrecopyInfo, "", EBUSY},
                    {Operation::kDataSize, "", ETIMEDOUT},
                    {Operation::kGetState, "", ENODEV},
                    {Operation::kWrite, "", EFAULT, 1, 1, FaultOutcome::kError}};
  BenchDevice device(options);
  CHECK(device->migrationState().failure().error == ENODEV);
  CHECK(device->migrationDataSize().failure().error == ETIMEDOUT);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(kPreCopy, &session) == 0);
  CHECK(session->precopyInfo().failure().error == EBUSY);
  uint8_t buffer[512];
  CHECK(session->read({buffer, 512}).ok());
  CHECK(session->read({buffer, 512}).failure().error == EIO);
  CHECK(session->read({buffer, 512}).failure().error == EIO);
  CHECK(session->read({buffer, 512}).ok());
  REQUIRE(device->reset().ok());
  REQUIRE(device.set(kResuming, &session) == 0);
  CHECK(session->write({buffer, 512}).failure().error == EFAULT);
  CHECK(device.state() == kError);
}

TEST_CASE("v2: a device of the other protocol has no such feature") {
  BenchDevice v1(v1Options());
  CHECK(v1->migrationFlags().failure().error == ENOTTY);
  CHECK(v1->migrationState().failure().error == ENOTTY);
  CHECK(v1->setMigrationState(kStop).failure().error == ENOTTY);
  uint8_t payload[8];
  CHECK(v1->feature(1u << 16 | 1, {payload, 8}).failure().error == ENOTTY);
  BenchDevice v2(v2Options(64 << 10));
  CHECK(v2->regionInfo(9).failure().error == EINVAL);
  CHECK(v2->feature(1u << 16 | 1, {payload, 8}).ok());
  CHECK(payload[0] == 7);
  CHECK(v2->feature(1u << 16 | 2, {payload, 8}).ok());
  CHECK(payload[0] == kRunning);
  CHECK(v2->feature(1u << 18 | 3, {payload, 0}).failure().error == ENOTTY);  // low power
}
