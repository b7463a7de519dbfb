// SPDX-License-Identifier: MIT
#include "core/kernel/hot_reset.h"

#include <doctest/doctest.h>

#include "core/kernel/kernel_device.h"
#include "support/kernel_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::KernelFixture;

namespace {

uapi::VfioPciDependentDevice function(uint32_t id, uint8_t bus, uint8_t devfn, uint16_t segment = 0) {
  uapi::VfioPciDependentDevice device{};
  device.group_id = id;
  device.segment = segment;
  device.bus = bus;
  device.devfn = devfn;
  return device;
}

std::shared_ptr<Group> openGroup(test::ScriptedSys& sys, uint32_t number) {
  auto group = Group::open(sys, GroupName{number, false});
  REQUIRE(group.ok());
  return *group;
}

}  // namespace

TEST_CASE_FIXTURE(KernelFixture, "what shares the bus is listed with its group, and whether we hold that") {
  auto group = openGroup(sys, 7);
  sys.affected = {function(7, 0x17, 0x00), function(8, 0x17, 0x12), function(7, 0xff, 0xff, 0xabcd)};
  auto info = device->hotResetInfo();
  REQUIRE(info.ok());
  CHECK_FALSE(info->byDeviceId);
  REQUIRE(info->devices.size() == 3);
  CHECK(info->devices[0].address() == "0000:17:00.0");
  CHECK(info->devices[0].id == 7);
  CHECK(info->devices[0].owned);
  CHECK(info->devices[1].address() == "0000:17:02.2");
  CHECK_FALSE(info->devices[1].owned);
  CHECK(info->devices[2].address() == "abcd:ff:1f.7");
  CHECK(info->devices[2].owned);
}

TEST_CASE_FIXTURE(KernelFixture, "a device of an iommufd learns numbers of that iommufd") {
  sys.hotResetFlags = uapi::kVfioPciHotResetFlagDevId;
  sys.affected = {function(3, 1, 0), function(uapi::kVfioPciDevidOwned, 1, 1),
                  function(static_cast<uint32_t>(uapi::kVfioPciDevidNotOwned), 1, 2)};
  auto info = device->hotResetInfo();
  REQUIRE(info.ok());
  CHECK(info->byDeviceId);
  CHECK(info->devices[0].id == 3);
  CHECK(info->devices[0].owned);
  CHECK_FALSE(info->devices[1].id.has_value());
  CHECK(info->devices[1].owned);
  CHECK_FALSE(info->devices[2].id.has_value());
  CHECK_FALSE(info->devices[2].owned);
}

TEST_CASE_FIXTURE(KernelFixture, "more devices than there was room for are asked for again") {
  for (unsigned i = 0; i < 300; ++i) sys.affected.push_back(function(i, 1, static_cast<uint8_t>(i)));
  auto info = device->hotResetInfo();
  REQUIRE(info.ok());
  CHECK(info->devices.size() == 300);
  CHECK(info->devices[299].id == 299);
  CHECK(sys.calls(uapi::kVfioDeviceGetPciHotResetInfo) == 2);
}

TEST_CASE_FIXTURE(KernelFixture, "devices that come while they are counted are counted again, not for ever") {
  sys.affected = {function(7, 1, 0)};
  SUBCASE("a few times") {
    sys.fail(uapi::kVfioDeviceGetPciHotResetInfo, EAGAIN, 1, 3);
    CHECK(device->hotResetInfo().ok());
  }
  SUBCASE("every time") {
    sys.fail(uapi::kVfioDeviceGetPciHotResetInfo, EAGAIN, 1, 1000);
    CHECK(device->hotResetInfo().failure().reason == Reason::kMalformed);
  }
  SUBCASE("always more") {
    sys.duringIoctl = [this](unsigned long) {
      sys.affected.resize(sys.affected.size() * 2 + 8, function(7, 1, 0));
    };
    CHECK(device->hotResetInfo().failure().reason == Reason::kMalformed);
  }
}

TEST_CASE_FIXTURE(KernelFixture, "a count of devices that no bus has is not believed") {
  sys.affected.resize((1 << 16) + 1, function(7, 1, 0));
  CHECK(device->hotResetInfo().failure().reason == Reason::kMalformed);
}

TEST_CASE_FIXTURE(KernelFixture, "the kernel's refusals of the information, and what they mean") {
  sys.affected = {function(7, 1, 0)};
  for (const int error : {ENODEV, EPERM, ENOTTY, EIO, ENOMEM, EFAULT}) {
    sys.fail(uapi::kVfioDeviceGetPciHotResetInfo, error);
    auto info = device->hotResetInfo();
    REQUIRE_FALSE(info.ok());
    CHECK(info.failure().error == error);
    CHECK(info.failure().operation == "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO");
    CHECK(info.failure().detail.empty() == (error != ENODEV && error != EPERM));
    sys.fail(uapi::kVfioDeviceGetPciHotResetInfo, error);
    CHECK(device->hotReset({}).failure().error == error);
    CHECK(sys.calls(uapi::kVfioDevicePciHotReset) == 0);
  }
}

TEST_CASE_FIXTURE(KernelFixture,
                  "a hot reset shows every group that we hold, once, and those that are given") {
  auto group = openGroup(sys, 7);
  sys.affected = {function(7, 1, 0), function(7, 1, 1), function(8, 1, 2)};
  const int other = sys.add("group");
  REQUIRE(device->hotReset({other, group->descriptor(), other}).ok());
  CHECK(sys.shownGroups == std::vector<int32_t>{group->descriptor(), other});
  CHECK(sys.log.back() == "hot reset");
}

TEST_CASE_FIXTURE(KernelFixture, "a hot reset through an iommufd shows nothing") {
  auto group = openGroup(sys, 7);
  sys.hotResetFlags = uapi::kVfioPciHotResetFlagDevId | uapi::kVfioPciHotResetFlagDevIdOwned;
  sys.affected = {function(7, 1, 0)};
  REQUIRE(device->hotReset({group->descriptor()}).ok());
  CHECK(sys.shownGroups.empty());
}

TEST_CASE_FIXTURE(KernelFixture, "a hot reset that is refused says who is missing") {
  auto group = openGroup(sys, 7);
  sys.affected = {function(7, 1, 0), function(8, 1, 1), function(9, 2, 0)};
  for (const int error : {EINVAL, EPERM}) {
    sys.fail(uapi::kVfioDevicePciHotReset, error);
    auto refused = device->hotReset({});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.failure().error == error);
    CHECK(refused.failure().operation == "VFIO_DEVICE_PCI_HOT_RESET");
    CHECK(refused.failure().detail ==
          "this process does not hold 0000:01:00.1 (group 8), 0000:02:00.0 (group 9)");
  }
  sys.affected = {function(7, 1, 0)};
  sys.fail(uapi::kVfioDevicePciHotReset, EINVAL);
  CHECK(device->hotReset({}).failure().detail.find("bound to VFIO") != std::string::npos);
}

TEST_CASE_FIXTURE(KernelFixture, "a hot reset with no group at all never asks the kernel") {
  sys.affected = {function(8, 1, 1)};
  CHECK(device->hotReset({}).failure().error == EINVAL);
  CHECK(sys.calls(uapi::kVfioDevicePciHotReset) == 0);
}

TEST_CASE_FIXTURE(KernelFixture, "other failures of a hot reset keep their errno, and none is tried twice") {
  auto group = openGroup(sys, 7);
  sys.affected = {function(7, 1, 0)};
  for (const int error : {EBUSY, ENODEV, EBADF, ENOMEM, EIO, ENOTTY, EINTR}) {
    const int before = sys.calls(uapi::kVfioDevicePciHotReset);
    sys.fail(uapi::kVfioDevicePciHotReset, error);
    CHECK(device->hotReset({}).failure().error == error);
    CHECK(sys.calls(uapi::kVfioDevicePciHotReset) == before + 1);
  }
}

TEST_CASE_FIXTURE(KernelFixture, "features fail with the kernel's words") {
  const auto operation = [this](uint32_t flags) {
    uint8_t payload[16] = {};
    return device->feature(flags, Bytes{payload, sizeof payload}).failure().operation;
  };
  const uint32_t set = uapi::kVfioDeviceFeatureSet;
  CHECK(operation(set | 0) == "VFIO_DEVICE_FEATURE SET PCI_VF_TOKEN");
  CHECK(operation(set | 3) == "VFIO_DEVICE_FEATURE SET LOW_POWER_ENTRY");
  CHECK(operation(set | 4) == "VFIO_DEVICE_FEATURE SET LOW_POWER_ENTRY_WITH_WAKEUP");
  CHECK(operation(set | 5) == "VFIO_DEVICE_FEATURE SET LOW_POWER_EXIT");
  CHECK(operation(set | 10) == "VFIO_DEVICE_FEATURE SET BUS_MASTER");
  CHECK(operation(uapi::kVfioDeviceFeatureProbe | uapi::kVfioDeviceFeatureGet | 700) ==
        "VFIO_DEVICE_FEATURE PROBE GET 700");
}

TEST_CASE_FIXTURE(KernelFixture,
                  "a feature that fails says so with every errno, and shows nothing of what went in") {
  for (const int error : {ENOTTY, EINVAL, EFAULT, EACCES, EIO, ENOMEM, EOPNOTSUPP}) {
    uint8_t token[16] = {0xde, 0xad};
    sys.fail(uapi::kVfioDeviceFeature, error);
    auto refused = device->feature(uapi::kVfioDeviceFeatureSet, Bytes{token, sizeof token});
    CHECK(refused.failure().error == error);
    CHECK(refused.failure().detail.empty());
    CHECK(token[0] == 0xde);
  }
}
