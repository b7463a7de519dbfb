// SPDX-License-Identifier: MIT
#include "core/kernel/kernel_device.h"

#include <doctest/doctest.h>

#include "support/kernel_fixture.h"
#include "support/region_answer.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::KernelFixture;
using vfm::test::RegionAnswer;

namespace {

constexpr size_t kPage = 4096;

struct RegionFixture : KernelFixture {
  RegionFixture() {
    sys.regions[0] = RegionAnswer(0, 256).bytes();
    sys.regions[9] = RegionAnswer(9, 16 * kPage)
                         .mappable()
                         .type(3, 1)
                         .sparse({{kPage, 2 * kPage}, {8 * kPage, kPage}})
                         .bytes();
  }
  uint8_t buffer[512] = {};
};

}  // namespace

TEST_CASE_FIXTURE(KernelFixture, "device and interrupt info") {
  auto info = device->info();
  REQUIRE(info.ok());
  CHECK(info->flags == 3);
  CHECK(info->regions == 9);
  CHECK(info->irqs == 5);
  auto irq = device->irqInfo(2);
  REQUIRE(irq.ok());
  CHECK(irq->count == 3);
  CHECK(device->irqInfo(5).failure().error == EINVAL);

  sys.deviceRegions = 0xffffffff;
  CHECK(device->info().failure().reason == Reason::kMalformed);
  sys.fail(uapi::kVfioDeviceGetInfo, ENODEV);
  CHECK(device->info().failure().error == ENODEV);
}

TEST_CASE_FIXTURE(RegionFixture,
                  "region info is asked again with the room its chain needs, and then remembered") {
  auto region = device->regionInfo(9);
  REQUIRE(region.ok());
  CHECK(region->type->type == 3);
  CHECK(region->mappable.size() == 2);
  CHECK(sys.calls(uapi::kVfioDeviceGetRegionInfo) == 2);
  CHECK(device->regionInfo(9).ok());
  CHECK(sys.calls(uapi::kVfioDeviceGetRegionInfo) == 2);
  CHECK(device->regionInfo(77).failure().error == EINVAL);
}

TEST_CASE_FIXTURE(RegionFixture, "region info that wants ever more room is given up") {
  RegionAnswer greedy(1, kPage);
  SUBCASE("too much") { greedy.fixed.argsz = 0xfffffff0; }
  SUBCASE("a little more each time") {
    greedy.fixed.argsz = 64;
    sys.duringIoctl = [&](unsigned long) {
      greedy.fixed.argsz += 64;
      sys.regions[1] = greedy.bytes();
    };
  }
  sys.regions[1] = greedy.bytes();
  auto region = device->regionInfo(1);
  REQUIRE_FALSE(region.ok());
  CHECK(region.failure().reason == Reason::kMalformed);
  CHECK(sys.calls(uapi::kVfioDeviceGetRegionInfo) <= 4);
}

TEST_CASE_FIXTURE(RegionFixture, "region access lands at the region's place, one call each") {
  auto read = device->readRegion(9, 8, Bytes{buffer, 8});
  REQUIRE(read.ok());
  CHECK(*read == 8);
  CHECK(buffer[0] == 0xcd);
  CHECK(sys.lastOffset == (uint64_t{9} << 40) + 8);
  REQUIRE(device->writeRegion(0, 252, ConstBytes(buffer, 4)).ok());
  CHECK(sys.lastOffset == 252);
}

TEST_CASE_FIXTURE(RegionFixture, "region access outside the region never reaches the device") {
  sys.lastOffset = 1234567;
  for (const uint64_t offset : {uint64_t{253}, uint64_t{256}, ~uint64_t{0}, ~uint64_t{0} - 3}) {
    CHECK(device->readRegion(0, offset, Bytes{buffer, 4}).failure().reason == Reason::kInvalidArgument);
    CHECK(device->writeRegion(0, offset, ConstBytes(buffer, 4)).failure().reason == Reason::kInvalidArgument);
  }
  CHECK(sys.lastOffset == 1234567);
}

TEST_CASE_FIXTURE(RegionFixture, "short, empty, interrupted and failed region access") {
  sys.transfers = {3, -EINTR, 8, 0, -EIO, 2, -EINVAL, 0};
  CHECK(*device->readRegion(0, 0, Bytes{buffer, 8}) == 3);
  CHECK(*device->readRegion(0, 0, Bytes{buffer, 8}) == 8);
  CHECK(device->readRegion(0, 0, Bytes{buffer, 8}).failure().reason == Reason::kShortTransfer);
  auto failed = device->readRegion(0, 0, Bytes{buffer, 8});
  CHECK(failed.failure().error == EIO);
  CHECK(std::string(failed.failure().syscall) == "pread");
  CHECK(*device->writeRegion(0, 0, ConstBytes(buffer, 8)) == 2);
  CHECK(device->writeRegion(0, 0, ConstBytes(buffer, 8)).failure().error == EINVAL);
  CHECK(device->writeRegion(0, 0, ConstBytes(buffer, 8)).failure().reason == Reason::kShortTransfer);
}

TEST_CASE_FIXTURE(RegionFixture, "mapping") {
  auto mapping = device->map(9, Area{2 * kPage, kPage}, Protection::kRead);
  REQUIRE(mapping.ok());
  CHECK((*mapping)->size() == kPage);
  CHECK((*mapping)->trusted());
  CHECK(sys.lastOffset == (uint64_t{9} << 40) + 2 * kPage);
  CHECK(sys.lastProtection == PROT_READ);
  device.reset();
  CHECK(sys.log.back() == "close device");
  mapping = Failure{};
  CHECK(sys.log.back() == "munmap");
}

TEST_CASE_FIXTURE(RegionFixture, "mapping outside the mappable areas is refused before mmap") {
  for (const Area area : {Area{0, kPage}, Area{kPage, 3 * kPage}, Area{kPage + 8, 8}, Area{kPage, 0},
                          Area{8 * kPage, ~uint64_t{0}}, Area{~uint64_t{0} & ~uint64_t{4095}, kPage}}) {
    CHECK(device->map(9, area, Protection::kRead).failure().reason == Reason::kInvalidArgument);
  }
  CHECK(device->map(0, Area{0, 256}, Protection::kRead).failure().reason == Reason::kInvalidArgument);

  RegionAnswer readOnly = RegionAnswer(2, kPage).mappable();
  readOnly.fixed.flags &= ~uapi::kVfioRegionInfoFlagWrite;
  sys.regions[2] = readOnly.bytes();
  CHECK(device->map(2, Area{0, kPage}, Protection::kReadWrite).failure().reason == Reason::kInvalidArgument);
  CHECK(sys.log.empty());
  sys.fail("mmap", ENOMEM);
  CHECK(device->map(2, Area{0, kPage}, Protection::kRead).failure().error == ENOMEM);
}

TEST_CASE_FIXTURE(KernelFixture, "a mapping keeps its group findable") {
  test::ScriptedSys kernel;
  kernel.regions[2] = RegionAnswer(2, kPage).mappable().bytes();
  auto group = Group::open(kernel, GroupName{12, false});
  REQUIRE(group.ok());
  auto descriptor = (*group)->deviceDescriptor("x");
  REQUIRE(descriptor.ok());
  auto grouped = std::make_unique<KernelDevice>(
      std::make_shared<DeviceHandle>(kernel, *group, std::move(descriptor).value()));
  auto mapping = grouped->map(2, Area{0, kPage}, Protection::kReadWrite);
  REQUIRE(mapping.ok());
  grouped.reset();
  group = Failure{};
  CHECK(kernel.log.back() == "close device");
  mapping = Failure{};
  CHECK(kernel.log.back() == "close group");
}

TEST_CASE_FIXTURE(KernelFixture, "reset") {
  CHECK(device->reset().ok());
  sys.fail(uapi::kVfioDeviceReset, EINVAL);
  CHECK(device->reset().failure().error == EINVAL);
  // Once is once, even if interrupted.
  sys.fail(uapi::kVfioDeviceReset, EINTR);
  CHECK(device->reset().failure().error == EINTR);
}

TEST_CASE_FIXTURE(KernelFixture, "a raw feature's answer replaces the payload, a failure leaves it") {
  uint8_t payload[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(device->feature(uapi::kVfioDeviceFeatureGet | 9, Bytes{payload, 8}).ok());
  CHECK(payload[1] == 0x10);
  CHECK(payload[0] == 0);
  payload[0] = 42;
  auto failed = device->feature(uapi::kVfioDeviceFeatureGet | 13, Bytes{payload, 8});
  CHECK(failed.failure().error == ENOTTY);
  CHECK(payload[0] == 42);
  std::vector<uint8_t> huge((1 << 20) + 1);
  CHECK(device->feature(uapi::kVfioDeviceFeatureGet | 9, Bytes{huge.data(), huge.size()}).failure().reason ==
        Reason::kInvalidArgument);
}
