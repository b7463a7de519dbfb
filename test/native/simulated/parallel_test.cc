// SPDX-License-Identifier: MIT
// What may happen at the same time, and what must not wait. Run it under ThreadSanitizer as well.
#include <atomic>
#include <chrono>
#include <thread>

#include "simulated/bench_device.h"

using namespace bench;
using Clock = std::chrono::steady_clock;

namespace {

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

}  // namespace

TEST_CASE("a save by one thread beside state changes, register accesses and a workload by others") {
  SimulatedOptions options = v2Options(2 << 20);
  options.dirtyRate = 40 << 20;
  options.delays = {{Operation::kSetState, "stop-copy", 5}};
  BenchDevice source(options);
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kPreCopy, &session) == 0);
  std::vector<uint8_t> stream;
  std::atomic<bool> ended{false}, failed{false};
  std::thread reader([&] {
    std::vector<uint8_t> buffer(100000);
    for (;;) {
      auto outcome = session->read({buffer.data(), buffer.size()});
      if (!outcome.ok()) failed = true;
      if (!outcome.ok() || outcome->progress == Progress::kEnd) break;
      stream.insert(stream.end(), buffer.begin(), buffer.begin() + static_cast<long>(outcome->bytes));
      if (outcome->progress != Progress::kBytes) std::this_thread::yield();
    }
    ended = true;
  });
  std::thread poker([&] {
    while (!ended) {
      uint32_t value = 0;
      (void)source.device->writeRegion(0, 0x10, {reinterpret_cast<const uint8_t*>("abcd"), 4});
      (void)source.device->readRegion(2, 12345, {reinterpret_cast<uint8_t*>(&value), 4});
      (void)session->precopyInfo();
      (void)source.device->migrationDataSize();
      (void)source.device->migrationState();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  nap(60);
  CHECK(source.set(v2::kPreCopyP2p) == 0);
  uint64_t steps = source.steps();
  CHECK(source.set(v2::kStopCopy) == 0);
  reader.join();
  poker.join();
  CHECK_FALSE(failed);

  SimulatedOptions plain = v2Options(2 << 20);
  BenchDevice target(plain);
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  REQUIRE(feed(*session, stream) == 0);
  REQUIRE(target.set(v2::kRunningP2p) == 0);  // the workload rests
  CHECK(target.steps() == steps);
  CHECK(target.memory() == expectedMemory(2 << 20, true, 7, steps));
}

TEST_CASE("a state change that takes long holds back the state, and nothing else; a reset ends it") {
  for (bool v1 : {false, true}) {
    SimulatedOptions options = v1 ? v1Options() : v2Options();
    options.delays = {{Operation::kSetState, "", 20000}};
    BenchDevice device(options);
    std::atomic<int> result{-2};
    auto start = Clock::now();
    std::thread changer([&] { result = v1 ? device.setV1(0) : device.set(v2::kStop); });
    nap(20);
    CHECK(device.put<uint32_t>(0, 0x10, 1) == 0);
    CHECK(device.memory().size() == 1 << 20);
    std::atomic<int> state{-1};
    std::thread asker([&] {
      if (!v1) state = static_cast<int>(device.state());
    });
    nap(20);
    CHECK(state == -1);
    CHECK(result == -2);
    REQUIRE(device->reset().ok());
    changer.join();
    asker.join();
    CHECK(result == EIO);
    CHECK(since(start) < 10);
    if (v1) CHECK(device.deviceState() == 1);
    if (!v1) CHECK(state == static_cast<int>(v2::kRunning));
  }
}

TEST_CASE("an owner that lets go ends calls in progress, and every later one") {
  SimulatedOptions options = v2Options();
  options.delays = {{Operation::kSetState, "", 20000}};
  BenchDevice device(options);
  std::atomic<int> cancelled{0};
  auto start = Clock::now();
  std::thread changer([&] {
    if (device->setMigrationState(v2::kStop).failure().reason == Reason::kCancelled) ++cancelled;
  });
  nap(20);
  std::thread asker([&] {
    if (device->migrationState().failure().reason == Reason::kCancelled) ++cancelled;
  });
  nap(20);
  device->cancel();
  changer.join();
  asker.join();
  CHECK(cancelled == 2);
  CHECK(since(start) < 10);
  CHECK(device->migrationState().failure().reason == Reason::kClosed);
  CHECK(device->setMigrationState(v2::kStop).failure().reason == Reason::kClosed);
  CHECK(device->reset().failure().reason == Reason::kClosed);
  uint8_t bytes[4];
  CHECK(device->readRegion(0, 0, {bytes, 4}).failure().reason == Reason::kClosed);
}

TEST_CASE("closing the device ends a read that takes long") {
  SimulatedOptions options = v2Options();
  options.delays = {{Operation::kRead, "", 20000}};
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  std::atomic<int> error{0};
  std::thread reader([&] {
    uint8_t buffer[64];
    error = session->read({buffer, 64}).failure().error;
  });
  nap(20);
  device.device.reset();
  reader.join();
  CHECK(error == ENODEV);
}

TEST_CASE("cancel wakes a read and a write in progress, and stays") {
  SimulatedOptions options = v2Options();
  options.delays = {{Operation::kRead, "", 20000}, {Operation::kWrite, "", 20000}};
  for (uint32_t state : {v2::kStopCopy, v2::kResuming}) {
    BenchDevice device(options);
    std::unique_ptr<Session> session;
    REQUIRE(device.set(state, &session) == 0);
    std::atomic<bool> cancelled{false};
    uint8_t buffer[64] = {};
    auto transfer = [&] {
      return state == v2::kStopCopy ? session->read({buffer, 64}).failure().reason
                                    : session->write({buffer, 64}).failure().reason;
    };
    auto start = Clock::now();
    std::thread other([&] { cancelled = transfer() == Reason::kCancelled; });
    nap(20);
    session->cancel();
    other.join();
    CHECK(cancelled);
    CHECK(transfer() == Reason::kCancelled);
    CHECK(since(start) < 10);
  }
}

TEST_CASE("leaving the saving states wakes a sleeping read with ENODEV") {
  SimulatedOptions options = v2Options();
  options.delays = {{Operation::kRead, "", 20000}};
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  std::atomic<int> error{0};
  std::thread reader([&] {
    uint8_t buffer[64];
    error = session->read({buffer, 64}).failure().error;
  });
  nap(20);
  REQUIRE(device.set(v2::kRunning) == 0);
  reader.join();
  CHECK(error == ENODEV);
}

TEST_CASE("a delay costs what it says, per request or per state") {
  SimulatedOptions options = v2Options();
  options.delays = {{Operation::kSetState, "", 30}, {Operation::kSetState, "stop", 20}};
  BenchDevice device(options);
  auto start = Clock::now();
  REQUIRE(device.set(v2::kStopCopy) == 0);
  CHECK(since(start) >= 0.05);
}
