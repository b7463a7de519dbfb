// SPDX-License-Identifier: MIT
// What a simulated device does wrong on request, and what it says about that afterwards.
#include <chrono>
#include <thread>

#include "simulated/bench_device.h"

using namespace bench;

namespace {

uint64_t calls(const Ledger& ledger, Operation operation, const std::string& argument = {}) {
  for (const OperationCount& count : ledger.operations()) {
    if (count.operation == operation && count.argument == argument) return count.calls;
  }
  return 0;
}

SimulatedFault fault(Operation operation, std::string argument, FaultKind kind,
                     std::optional<uint64_t> bytes = {}) {
  return {operation, std::move(argument), 0, 1, 1, FaultOutcome::kKeep, kind, bytes};
}

void soon() { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }

}  // namespace

TEST_CASE("faults: the ledger has every call with its argument, every strike, and outlives the device") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {{Operation::kSetState, "stop", EIO, 2, 2}, {Operation::kReset, "", EIO}};
  options.delays = {{Operation::kDataSize, "", 1}};
  options.lies = {{"state", 5, 2, 1}};
  std::shared_ptr<Ledger> ledger;
  {
    BenchDevice device(options);
    ledger = device->ledger();
    CHECK(ledger->operations().empty());
    for (int error : {0, EIO, EIO, 0}) {
      CHECK(device.set(v2::kStop) == error);
      REQUIRE(device.set(v2::kRunning) == 0);
    }
    CHECK(device->migrationDataSize().ok());
    CHECK(device.state() == v2::kRunning);
    CHECK(device.state() == 5);
  }
  CHECK(calls(*ledger, Operation::kSetState, "stop") == 4);
  CHECK(calls(*ledger, Operation::kSetState, "running") == 4);
  CHECK(calls(*ledger, Operation::kSetState) == 0);
  CHECK(calls(*ledger, Operation::kGetState) == 2);
  CHECK(ledger->strikes(Ledger::Kind::kFault) == std::vector<uint64_t>{2, 0});
  CHECK(ledger->strikes(Ledger::Kind::kDelay) == std::vector<uint64_t>{1});
  CHECK(ledger->strikes(Ledger::Kind::kLie) == std::vector<uint64_t>{1});
}

TEST_CASE("faults: the calls of the DMA log can fail too") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {{Operation::kDmaLogStart, "", ENOMEM},
                    {Operation::kDmaLogReport, "", EFAULT},
                    {Operation::kDmaLogStop, "", EIO},
                    {Operation::kMigrationFlags, "", ENOTTY}};
  BenchDevice device(options);
  const std::vector<IovaRange> ranges = {{0, 0xffff}};
  CHECK(device->startDmaLog(ranges, 4096).failure().error == ENOMEM);
  CHECK(device->startDmaLog(ranges, 4096).ok());
  auto bitmap = DirtyBitmap::create(0, 0x10000, 4096);
  REQUIRE(bitmap.ok());
  CHECK(device->reportDmaLog(**bitmap).failure().error == EFAULT);
  CHECK(device->reportDmaLog(**bitmap).ok());
  CHECK(device->stopDmaLog().failure().error == EIO);
  CHECK(device->stopDmaLog().ok());
  CHECK(device->migrationFlags().failure().error == ENOTTY);
}

TEST_CASE(
    "faults: a short read or write of a session moves fewer bytes, at least one unless told otherwise") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {fault(Operation::kRead, "stop-copy", FaultKind::kShort),
                    fault(Operation::kRead, "", FaultKind::kShort, 3),
                    fault(Operation::kWrite, "", FaultKind::kShort),
                    fault(Operation::kWrite, "", FaultKind::kShort, 5)};
  options.faults[1].nth = options.faults[3].nth = 2;
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  uint8_t buffer[512];
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  CHECK(session->read({buffer, 512})->bytes == 256);
  CHECK(session->read({buffer, 512})->bytes == 3);
  CHECK(session->read({buffer, 512})->bytes == 512);
  REQUIRE(device->reset().ok());
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> stream(256);
  REQUIRE(session->read({stream.data(), stream.size()})->bytes == 256);
  REQUIRE(device->reset().ok());
  REQUIRE(device.set(v2::kResuming, &session) == 0);
  CHECK(*session->write({stream.data(), 1}) == 1);
  CHECK(*session->write({stream.data() + 1, 100}) == 5);
  CHECK(*session->write({stream.data() + 6, 100}) == 100);
}

TEST_CASE("faults: a register is read whole and written whole or not at all") {
  SimulatedOptions options = v1Options();
  options.faults = {fault(Operation::kRegisterRead, "scratch", FaultKind::kShort),
                    fault(Operation::kRegisterWrite, "scratch", FaultKind::kShort),
                    fault(Operation::kRegisterWrite, "device-state", FaultKind::kShort),
                    fault(Operation::kRegisterRead, "memory", FaultKind::kShort, 10),
                    fault(Operation::kRegisterWrite, "memory", FaultKind::kShort, 4)};
  BenchDevice device(options);
  uint32_t value = 0x01020304;
  auto bytes = reinterpret_cast<uint8_t*>(&value);
  CHECK(*device->writeRegion(0, 0x10, {bytes, 4}) == 2);
  CHECK(*device->readRegion(0, 0x10, {bytes, 4}) == 2);
  CHECK(device.scratch() == 0);
  value = 0x01020304;
  CHECK(*device->writeRegion(0, 0x10, {bytes, 4}) == 4);
  CHECK(device.scratch() == 0x01020304);
  uint32_t stop = 0;
  CHECK(*device->writeRegion(kMigrationRegion, 0, {reinterpret_cast<uint8_t*>(&stop), 4}) == 2);
  CHECK(device.deviceState() == 1);
  uint8_t memory[64];
  CHECK(*device->readRegion(2, 0, {memory, 64}) == 10);
  CHECK(*device->writeRegion(2, 0, {memory, 64}) == 4);
  CHECK(*device->readRegion(2, 0, {memory, 64}) == 64);
}

TEST_CASE("faults: nothing can be short in a call that moves nothing") {
  SimulatedOptions options = v2Options(64 << 10);
  options.faults = {fault(Operation::kSetState, "", FaultKind::kShort)};
  CHECK(SimulatedDevice::open(options).failure().reason == Reason::kInvalidArgument);
  BenchDevice device(v2Options(64 << 10));
  CHECK_FALSE(device->inject(options.faults[0]).ok());
  CHECK(device->ledger()->strikes(Ledger::Kind::kFault).empty());
}

TEST_CASE("faults: a hang ends with a reset, with the device, and in a session with cancel and its end") {
  SimulatedOptions options = v2Options(64 << 10);
  SUBCASE("a state change, by reset; the device answers everything else meanwhile") {
    options.faults = {fault(Operation::kSetState, "stop-copy", FaultKind::kHang)};
    BenchDevice device(options);
    int error = 0;
    std::thread changing([&] { error = device.set(v2::kStopCopy); });
    soon();
    uint16_t command = 1;
    CHECK(device.get(7, 4, command) == 0);
    CHECK(device->ledger()->strikes(Ledger::Kind::kFault)[0] == 1);
    REQUIRE(device->reset().ok());
    changing.join();
    CHECK(error == EIO);
    CHECK(device.state() == v2::kRunning);
  }
  SUBCASE("a state change, by the device's close") {
    options.faults = {fault(Operation::kSetState, "stop", FaultKind::kHang)};
    BenchDevice device(options);
    int error = 0;
    std::thread changing([&] { error = device.set(v2::kStop); });
    soon();
    device->cancel();
    changing.join();
    CHECK(error == -1);
  }
  SUBCASE("a read, by cancel, and by the state that ends its session") {
    options.faults = {fault(Operation::kRead, "", FaultKind::kHang)};
    for (bool byCancel : {true, false}) {
      BenchDevice device(options);
      std::unique_ptr<Session> session;
      REQUIRE(device.set(v2::kStopCopy, &session) == 0);
      uint8_t buffer[16];
      Failure failure = Failure::because(Reason::kClosed, "");
      std::thread reading([&] { failure = session->read({buffer, 16}).failure(); });
      soon();
      if (byCancel) {
        session->cancel();
      } else {
        REQUIRE(device.set(v2::kStop) == 0);
      }
      reading.join();
      CHECK(failure.reason == (byCancel ? Reason::kCancelled : Reason::kSystem));
      if (!byCancel) CHECK(failure.error == ENODEV);
    }
  }
  SUBCASE("a v1 register access, by reset") {
    SimulatedOptions v1 = v1Options();
    v1.faults = {fault(Operation::kRegisterRead, "pending-bytes", FaultKind::kHang),
                 fault(Operation::kSetState, "pre-copy", FaultKind::kHang)};
    BenchDevice device(v1);
    uint64_t pending = 0;
    int error = 0;
    std::thread reading([&] { error = device.get(kMigrationRegion, 8, pending); });
    soon();
    REQUIRE(device->reset().ok());
    reading.join();
    CHECK(error == EIO);
    std::thread changing([&] { error = device.setV1(3); });
    soon();
    REQUIRE(device->reset().ok());
    changing.join();
    CHECK(error == EIO);
    CHECK(device.deviceState() == 1);
  }
}
