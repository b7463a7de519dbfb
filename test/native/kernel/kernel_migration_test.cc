// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "core/kernel/kernel_session.h"
#include "support/kernel_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::KernelFixture;

namespace {

constexpr uint32_t kStop = uapi::kVfioDeviceStateStop;
constexpr uint32_t kRunning = uapi::kVfioDeviceStateRunning;
constexpr uint32_t kStopCopy = uapi::kVfioDeviceStateStopCopy;
constexpr uint32_t kResuming = uapi::kVfioDeviceStateResuming;
constexpr uint32_t kPreCopy = uapi::kVfioDeviceStatePreCopy;
constexpr const char* kSetFeature = "feature 2 set";

}  // namespace

TEST_CASE_FIXTURE(KernelFixture, "flags, state and data size") {
  CHECK(*device->migrationFlags() == 7);
  CHECK(*device->migrationState() == kRunning);
  CHECK(*device->migrationDataSize() == 4096);
  sys.state = 23;  // a state of the future is reported, not judged
  CHECK(*device->migrationState() == 23);
  sys.fail("feature 1 get", ENOTTY);
  CHECK(device->migrationFlags().failure().error == ENOTTY);
  sys.fail("feature 9 get", EINVAL);
  CHECK(device->migrationDataSize().failure().error == EINVAL);
}

TEST_CASE_FIXTURE(KernelFixture, "the saving group shares one session; RESUMING brings its own") {
  auto saving = enter(kPreCopy);
  REQUIRE(saving != nullptr);
  auto within = device->setMigrationState(kStopCopy);
  REQUIRE(within.ok());
  CHECK(within->session == nullptr);
  CHECK(device->setMigrationState(kStop)->session == nullptr);
  saving.reset();
  CHECK(sys.log.back() == "close data");
  CHECK(enter(kResuming) != nullptr);
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(KernelFixture, "no descriptor left: EMFILE before the device is touched") {
  sys.descriptorLimit = sys.openFiles();
  auto change = device->setMigrationState(kStopCopy);
  REQUIRE_FALSE(change.ok());
  CHECK(change.failure().error == EMFILE);
  CHECK(sys.state == kRunning);
  // A state without data needs none.
  CHECK(device->setMigrationState(kStop).ok());
}

TEST_CASE_FIXTURE(KernelFixture, "the reserved descriptor is the one the kernel then finds free") {
  sys.descriptorLimit = sys.openFiles() + 1;
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK(sys.openFiles() == 2);
}

TEST_CASE_FIXTURE(
    KernelFixture,
    "a descriptor snatched at the last moment: EMFILE in the requested state, without a session") {
  sys.descriptorLimit = sys.openFiles() + 1;
  sys.duringIoctl = [&](unsigned long request) {
    // The second feature call is the SET, the first one samples the state.
    if (request == uapi::kVfioDeviceFeature && sys.calls(request) == 2) sys.add("thief");
  };
  auto change = device->setMigrationState(kStopCopy);
  REQUIRE_FALSE(change.ok());
  CHECK(change.failure().error == EMFILE);
  CHECK(*device->migrationState() == kStopCopy);
}

TEST_CASE_FIXTURE(KernelFixture, "a refused change is a failure, whatever the echoed struct says") {
  for (const int error : {EINVAL, EIO, ENOTCONN, EFAULT, ETIMEDOUT}) {
    sys.fail(kSetFeature, error);
    auto change = device->setMigrationState(kStopCopy);
    REQUIRE_FALSE(change.ok());
    CHECK(change.failure().error == error);
    CHECK(change.failure().operation == "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE");
    CHECK(*device->migrationState() == kRunning);
  }
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(KernelFixture, "no SET is issued from the error state, nor when the state cannot be read") {
  sys.state = uapi::kVfioDeviceStateError;
  CHECK(device->setMigrationState(kRunning).failure().error == EINVAL);
  sys.state = kRunning;
  sys.fail("feature 2 get", ENODEV);
  CHECK(device->setMigrationState(kStop).failure().error == ENODEV);
  CHECK(sys.log.empty());
}

TEST_CASE_FIXTURE(KernelFixture, "what a driver returns for a descriptor is checked") {
  SUBCASE("negative") { sys.lyingDataFd = -7; }
  SUBCASE("not open") { sys.lyingDataFd = 4711; }
  SUBCASE("the device itself") { sys.lyingDataFd = fd; }
  auto change = device->setMigrationState(kStopCopy);
  REQUIRE_FALSE(change.ok());
  CHECK(change.failure().reason == Reason::kMalformed);
  CHECK(sys.isOpen(fd));
  CHECK(std::count(sys.log.begin(), sys.log.end(), "close of a stranger") == 0);
}

TEST_CASE_FIXTURE(KernelFixture, "a descriptor for a state without data is closed and refused") {
  sys.lyingDataFd = sys.add("data");
  auto change = device->setMigrationState(kStop);
  REQUIRE_FALSE(change.ok());
  CHECK(change.failure().reason == Reason::kMalformed);
  CHECK(sys.log.back() == "close data");
}

TEST_CASE_FIXTURE(KernelFixture, "a data descriptor without close-on-exec gets it") {
  sys.dataCloseOnExec = false;
  auto session = enter(kStopCopy);
  REQUIRE(session != nullptr);
  CHECK(sys.file(static_cast<KernelSession&>(*session).descriptor()).closeOnExec);
}
