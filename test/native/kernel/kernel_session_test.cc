// SPDX-License-Identifier: MIT
#include "core/kernel/kernel_session.h"

#include <doctest/doctest.h>

#include <thread>

#include "support/kernel_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::KernelFixture;

namespace {

constexpr uint32_t kStopCopy = uapi::kVfioDeviceStateStopCopy;
constexpr uint32_t kPreCopy = uapi::kVfioDeviceStatePreCopy;

struct SessionFixture : KernelFixture {
  uint8_t buffer[64] = {};
  Bytes room{buffer, sizeof(buffer)};
  ConstBytes data{buffer, sizeof(buffer)};
};

}  // namespace

TEST_CASE_FIXTURE(SessionFixture,
                  "bytes, a drained pre-copy in both dialects, and the end in STOP_COPY only") {
  auto session = enter(kPreCopy);
  REQUIRE(session != nullptr);
  sys.reads = {24, 0, -ENOMSG, -EINTR, 72};
  auto bytes = session->read(room);
  REQUIRE(bytes.ok());
  CHECK(bytes->progress == Progress::kBytes);
  CHECK(bytes->bytes == 24);
  CHECK(buffer[23] == 0xab);
  CHECK(session->read(room)->progress == Progress::kDrained);
  CHECK(session->read(room)->progress == Progress::kDrained);
  REQUIRE(device->setMigrationState(kStopCopy).ok());
  CHECK(session->read(room)->bytes == 64);
  CHECK(session->read(room)->progress == Progress::kEnd);
  CHECK(session->read(room)->progress == Progress::kEnd);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "an empty read is not kept waiting by a state change, and not taken for the end") {
  auto session = enter(kPreCopy);
  REQUIRE(session != nullptr);
  Result<ReadOutcome> during = Failure{};
  sys.duringIoctl = [&](unsigned long request) {
    // The second feature call of the change is the SET: a reader that asked for the state now would wait for
    // it.
    if (request != uapi::kVfioDeviceFeature || sys.calls(request) != 4) return;
    sys.duringIoctl = nullptr;
    std::thread([&] { during = session->read(room); }).join();
  };
  REQUIRE(sys.calls(uapi::kVfioDeviceFeature) == 2);
  REQUIRE(device->setMigrationState(kStopCopy).ok());
  REQUIRE(during.ok());
  CHECK(during->progress == Progress::kDrained);
}

TEST_CASE_FIXTURE(SessionFixture, "a session that a state change or a reset ended says ENODEV") {
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  sys.reads = {-ENODEV};
  CHECK(session->read(room).failure().error == ENODEV);
  REQUIRE(device->reset().ok());
  CHECK(session->read(room).failure().error == ENODEV);  // 0 while running: what old drivers answer
}

TEST_CASE_FIXTURE(SessionFixture, "a session outlives its device and does not hold it open") {
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  device.reset();
  CHECK(sys.log.back() == "close device");
  sys.reads = {5};
  CHECK(session->read(room)->bytes == 5);
  CHECK(session->read(room).failure().reason == Reason::kClosed);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "a descriptor that cannot be polled stays blocking; cancel stops the next call") {
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK(sys.file(static_cast<KernelSession&>(*session).descriptor()).flags == 0);
  CHECK(sys.openFiles() == 2);
  session->cancel();
  CHECK(session->read(room).failure().reason == Reason::kCancelled);
  CHECK(session->write(data).failure().reason == Reason::kCancelled);
}

TEST_CASE_FIXTURE(SessionFixture, "a read that moved bytes while being cancelled hands them over") {
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  sys.reads = {10, 10};
  sys.duringRead = [&] { session->cancel(); };
  CHECK(session->read(room)->bytes == 10);
  CHECK(session->read(room).failure().reason == Reason::kCancelled);
}

TEST_CASE_FIXTURE(SessionFixture, "a descriptor that can be polled is read without blocking") {
  sys.dataPollable = true;
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK((sys.file(static_cast<KernelSession&>(*session).descriptor()).flags & O_NONBLOCK) != 0);
  sys.reads = {-EAGAIN, 7, -EAGAIN, -EAGAIN, -EAGAIN};
  CHECK(session->read(room)->bytes == 7);
  CHECK(sys.polls == 1);
  CHECK(session->read(room)->progress == Progress::kAgain);
  sys.duringPoll = [&] { session->cancel(); };
  CHECK(session->read(room).failure().reason == Reason::kCancelled);
  session.reset();
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(SessionFixture, "no descriptor for the wake-up: the session works, uninterruptible") {
  sys.dataPollable = true;
  sys.fail("eventfd", EMFILE);
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK(sys.file(static_cast<KernelSession&>(*session).descriptor()).flags == 0);
  sys.reads = {7, -EAGAIN};
  CHECK(session->read(room)->bytes == 7);
  CHECK(session->read(room)->progress == Progress::kAgain);
  CHECK(sys.polls == 0);
}

TEST_CASE_FIXTURE(SessionFixture, "a read into no room is not mistaken for the end") {
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK(session->read(Bytes{buffer, 0}).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(SessionFixture, "writing: partial, interrupted, refused, never zero") {
  auto session = enter(uapi::kVfioDeviceStateResuming);
  REQUIRE(session != nullptr);
  sys.writes = {-EINTR, 10, -ENOMEM, -EINVAL, 0};
  CHECK(*session->write(data) == 10);
  CHECK(session->write(data).failure().error == ENOMEM);
  CHECK(session->write(data).failure().error == EINVAL);
  CHECK(session->write(data).failure().reason == Reason::kShortTransfer);
  CHECK(*session->write(data) == sizeof(buffer));
  CHECK(*session->write(ConstBytes(buffer, 0)) == 0);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "a write waits while a non-blocking descriptor takes nothing, until it is cancelled") {
  sys.dataPollable = true;
  auto session = enter(uapi::kVfioDeviceStateResuming);
  REQUIRE(session != nullptr);
  sys.writes = {-EAGAIN, -EAGAIN, 9, -EAGAIN};
  CHECK(*session->write(data) == 9);
  CHECK(sys.polls == 2);
  sys.duringPoll = [&] { session->cancel(); };
  CHECK(session->write(data).failure().reason == Reason::kCancelled);
}

TEST_CASE_FIXTURE(SessionFixture, "precopy info starts from zeros each time") {
  auto session = enter(kPreCopy);
  REQUIRE(session != nullptr);
  for (int round = 0; round < 2; ++round) {
    auto info = session->precopyInfo();
    REQUIRE(info.ok());
    CHECK(info->initialBytes == 24);
    CHECK(info->dirtyBytes == 0);
    CHECK(sys.lastPrecopyInfo[0] == 24);  // argsz
    CHECK(std::count(sys.lastPrecopyInfo.begin(), sys.lastPrecopyInfo.end(), 0) == 23);
  }
  sys.fail(uapi::kVfioMigGetPrecopyInfo, EINVAL);
  CHECK(session->precopyInfo().failure().error == EINVAL);
}
