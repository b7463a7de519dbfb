// SPDX-License-Identifier: MIT
// Registers, memory, workload and configuration space (docs/test-device.md).
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "core/simulated/faults.h"
#include "simulated/bench_device.h"

using namespace bench;

namespace {

// Resident set of this process, in bytes.
uint64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("registers answer in their own width and access, everything else is EINVAL") {
  struct Expected {
    uint64_t offset;
    size_t width;
    bool readable, writable;
  };
  const Expected layout[] = {
      {0x00, 4, true, false}, {0x04, 4, true, false}, {0x08, 8, true, false}, {0x10, 4, true, true},
      {0x14, 4, true, true},  {0x18, 4, true, true},  {0x1c, 4, false, true}, {0x20, 8, true, true},
      {0x28, 8, true, false}, {0x30, 4, true, false}, {0x34, 4, true, false}, {0x38, 8, true, true},
      {0x40, 8, true, true},  {0x48, 4, false, true}, {0x4c, 4, true, false}, {0x50, 4, false, true}};
  BenchDevice device(v2Options(64 << 10));
  uint8_t buffer[16] = {2};
  for (uint64_t offset = 0; offset < 0x60; ++offset) {
    for (size_t width : {1, 2, 4, 8, 16}) {
      bool readable = false, writable = false;
      for (const Expected& expected : layout) {
        if (expected.offset != offset || expected.width != width) continue;
        readable = expected.readable;
        writable = expected.writable;
      }
      CAPTURE(offset);
      CAPTURE(width);
      CHECK(device->readRegion(0, offset, {buffer, width}).ok() == readable);
      std::memset(buffer, 0, sizeof buffer);
      buffer[0] = 2;
      CHECK(device->writeRegion(0, offset, {buffer, width}).ok() == writable);
    }
  }
  CHECK(device.read<uint32_t>(0, 0) == 0x316d6676);
  CHECK(device.read<uint32_t>(0, 4) == 1);
  CHECK(device.read<uint64_t>(0, 8) == 64 << 10);
  CHECK(device.put<uint32_t>(0, 0x1c, 77) == EINVAL);
  CHECK(device.put<uint32_t>(0, 0x1c, 3) == 0);
  CHECK(device.read<uint32_t>(0, 0x34) == EFAULT);  // attached to no address space
}

TEST_CASE("fill, step and reset") {
  SimulatedOptions options = v2Options(128 << 10);
  options.seed.reset();
  BenchDevice device(options);
  CHECK(device.memory() == expectedMemory(128 << 10, false, 0, 0));
  REQUIRE(device.put<uint32_t>(0, 0x18, 99) == 0);
  REQUIRE(device.put<uint32_t>(0, 0x1c, 1) == 0);
  for (int i = 0; i < 100; ++i) device.step();
  CHECK(device.memory() == expectedMemory(128 << 10, true, 99, 100));
  REQUIRE(device.put<uint32_t>(0, 0x10, 5) == 0);
  REQUIRE(device.put<uint32_t>(0, 0x14, 1) == 0);
  REQUIRE(device.set(v2::kStop) == 0);
  REQUIRE(device.set(v2::kRunning) == 0);
  CHECK(device.runCount() == 1);
  REQUIRE(device->reset().ok());
  CHECK(device.memory() == expectedMemory(128 << 10, false, 0, 0));
  CHECK(device.scratch() == 0);
  CHECK(device.read<uint32_t>(0, 0x14) == 0);
  CHECK(device.steps() == 0);
  CHECK(device.runCount() == 0);
}

TEST_CASE("device memory: any width and alignment, short at the end, EINVAL behind it") {
  BenchDevice device(v2Options(64 << 10));
  auto expected = expectedMemory(64 << 10, true, 7, 0);
  for (size_t width : {1, 2, 3, 4, 7, 8, 5000}) {
    std::vector<uint8_t> got(width);
    REQUIRE(device->readRegion(2, 4093, {got.data(), width}).ok());
    CHECK(std::equal(got.begin(), got.end(), expected.begin() + 4093));
  }
  uint8_t buffer[16];
  CHECK(*device->readRegion(2, (64 << 10) - 4, {buffer, 16}) == 4);
  CHECK(device->readRegion(2, 64 << 10, {buffer, 1}).failure().error == EINVAL);
  CHECK(device->readRegion(2, ~0ull, {buffer, 16}).failure().error == EINVAL);
  CHECK(device->readRegion(5, 0, {buffer, 4}).failure().error == EINVAL);
  CHECK(device->readRegion(4000000000u, 0, {buffer, 4}).failure().error == EINVAL);
}

TEST_CASE("the workload runs at its rate while the device runs, and its steps can be told from the memory") {
  BenchDevice device(v2Options(64 << 10));
  REQUIRE(device.put<uint64_t>(0, 0x20, 4096 * 1000) == 0);
  CHECK(device.steps() == 0);
  auto start = std::chrono::steady_clock::now();
  REQUIRE(device.put<uint32_t>(0, 0x14, 1) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  uint64_t least = device.steps();
  double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(least >= 49);
  CHECK(static_cast<double>(least) <= elapsed * 1000 + 1);
  REQUIRE(device.set(v2::kRunningP2p) == 0);
  uint64_t steps = device.steps();
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(device.steps() == steps);
  CHECK(device.memory() == expectedMemory(64 << 10, true, 7, steps));
  REQUIRE(device.set(v2::kPreCopy) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(device.steps() > steps);
  REQUIRE(device.put<uint64_t>(0, 0x20, ~0ull) == 0);  // the fastest there is: bounded by the pages
  CHECK(device.steps() > steps);
  REQUIRE(device.put<uint32_t>(0, 0x14, 0) == 0);
  steps = device.steps();
  CHECK(device.steps() == steps);
}

TEST_CASE("config space: identity fixed, command and BARs as on a bus") {
  BenchDevice device(v2Options());
  CHECK(device.read<uint16_t>(7, 0) == 0x1b36);
  CHECK(device.read<uint16_t>(7, 2) == 0x7666);
  CHECK(device.put<uint32_t>(7, 0, 0) == 0);
  CHECK(device.read<uint32_t>(7, 0) == 0x76661b36);
  CHECK(device.put<uint32_t>(7, 0x10, ~0u) == 0);
  CHECK(device.read<uint32_t>(7, 0x10) == 0xfffff000);
  CHECK(device.put<uint64_t>(7, 0x18, ~0ull) == 0);
  CHECK(device.read<uint64_t>(7, 0x18) == (~0ull << 20 | 4));
  CHECK(device.put<uint16_t>(7, 4, 0xffff) == 0);
  CHECK(device.read<uint16_t>(7, 4) == 0x0406);
  REQUIRE(device.set(v2::kStop) == 0);
  CHECK(device.read<uint8_t>(7, 1) == 0x1b);  // legal in any state
}

TEST_CASE("what the device says about itself") {
  BenchDevice v2(v2Options());
  CHECK(v2->info()->flags == 3);
  CHECK(v2->info()->regions == 9);
  CHECK(v2->info()->irqs == 5);
  CHECK(v2->regionInfo(0)->size == 4096);
  CHECK(v2->regionInfo(2)->size == 1 << 20);
  CHECK(v2->regionInfo(1)->size == 0);
  CHECK(v2->regionInfo(7)->size == 256);
  CHECK(v2->irqInfo(4).ok());
  CHECK(v2->irqInfo(5).failure().error == EINVAL);
  BenchDevice v1(v1Options(DataSection::kMapped));
  CHECK(v1->info()->regions == 10);
  auto region = v1->regionInfo(9);
  CHECK(region->type->type == 3);
  CHECK(region->type->subtype == 1);
  CHECK(region->flags == 15);
  CHECK(region->capabilities == std::vector<uint16_t>{1, 2});
  CHECK(region->mappable.size() == 1);
  CHECK(BenchDevice(v1Options())->regionInfo(9)->mappable.empty());
}

TEST_CASE("a device whose driver has no migration is a device all the same") {
  SimulatedOptions options = v2Options();
  options.protocol = SimulatedProtocol::kNone;
  options.faults = {{Operation::kRegisterRead, "scratch", EIO, 1, 1, FaultOutcome::kError}};
  BenchDevice device(options);
  CHECK(device->info()->regions == 9);
  CHECK(device->regionInfo(9).failure().error == EINVAL);
  CHECK(device->migrationFlags().failure().error == ENOTTY);
  CHECK(device->migrationState().failure().error == ENOTTY);
  CHECK(device->setMigrationState(v2::kStop).failure().error == ENOTTY);
  CHECK(device->migrationDataSize().failure().error == ENOTTY);
  uint32_t value = 0;
  CHECK(device.get(0, 0x10, value) == EIO);
  device.step();
  CHECK(device.memory() == expectedMemory(1 << 20, true, 7, 1));
  CHECK(device->reset().ok());
  CHECK(device.steps() == 0);
}

TEST_CASE("options out of range are refused") {
  for (uint64_t bytes : {0ull, 100ull, 4097ull, (1ull << 40) + 4096, ~0ull}) {
    auto opened = SimulatedDevice::open(v2Options(bytes));
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.failure().reason == Reason::kInvalidArgument);
  }
  SimulatedOptions options = v1Options();
  options.chunkBytes = 8192;
  CHECK_FALSE(SimulatedDevice::open(options).ok());
}

TEST_CASE("neither a large device nor its contents count as memory of this process") {
  uint64_t before = residentBytes();
  SimulatedOptions options = v2Options(256ull << 20);
  BenchDevice source(options);
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> buffer(1 << 20);
  uint64_t total = 0;
  for (;;) {
    auto outcome = session->read({buffer.data(), buffer.size()});
    REQUIRE(outcome.ok());
    if (outcome->progress == Progress::kEnd) break;
    total += outcome->bytes;
  }
  CHECK(total > 256ull << 20);
  CHECK(residentBytes() < before + (16 << 20));

  SimulatedOptions sparse = v2Options(1ull << 40);
  sparse.seed.reset();
  CHECK(SimulatedDevice::open(sparse).ok());
}

TEST_CASE("faults count their own calls, delays and lies go by name") {
  SimulatedOptions options;
  options.faults = {{Operation::kRead, "", EIO, 2, 2, FaultOutcome::kKeep},
                    {Operation::kSetState, "stop", EBUSY, 1, 1, FaultOutcome::kError}};
  options.delays = {{Operation::kSetState, "stop", 7}, {Operation::kSetState, "", 3}};
  options.lies = {{"state", 42, 2, 1}};
  Faults faults(options);
  CHECK_FALSE(faults.strike(Operation::kRead));
  CHECK(faults.strike(Operation::kRead)->error == EIO);
  CHECK_FALSE(faults.strike(Operation::kWrite));
  CHECK(faults.strike(Operation::kRead)->error == EIO);
  CHECK_FALSE(faults.strike(Operation::kRead));
  CHECK_FALSE(faults.strike(Operation::kSetState, "running"));
  CHECK(faults.strike(Operation::kSetState, "stop")->outcome == FaultOutcome::kError);
  CHECK(faults.delay(Operation::kSetState) == 3);
  CHECK(faults.delay(Operation::kSetState, "stop") == 7);
  CHECK(faults.delay(Operation::kSetState, "running") == 0);
  CHECK(faults.claim("state", 1) == 1);
  CHECK(faults.claim("state", 1) == 42);
  CHECK(faults.claim("state", 1) == 1);
  for (const char* name : {"info", "region-info", "irq-info", "reset", "register-read", "register-write",
                           "map", "set-state", "get-state", "read", "write", "precopy-info", "data-size"}) {
    REQUIRE(operationNamed(name));
    CHECK(std::string(operationName(*operationNamed(name))) == name);
  }
  CHECK_FALSE(operationNamed("nonsense"));
}
