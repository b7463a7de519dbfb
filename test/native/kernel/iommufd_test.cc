// SPDX-License-Identifier: MIT
#include "core/kernel/iommufd.h"

#include <doctest/doctest.h>

#include "core/kernel/container.h"
#include "support/iommufd_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::IommufdFixture;
using vfm::test::ScriptedSys;

TEST_CASE("a kernel without iommufd says so") {
  ScriptedSys sys;
  sys.fail("open", ENOENT);
  auto opened = Iommufd::open(sys);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.failure().error == ENOENT);
  CHECK(opened.failure().detail == "this kernel has no iommufd");
  sys.fail("open", EACCES);
  CHECK(Iommufd::open(sys).failure().error == EACCES);
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("an iommufd of somebody else's is adopted, anything else is not") {
  ScriptedSys sys;
  const int fd = sys.add("iommufd");
  sys.links[ScriptedSys::nodeOf(fd)] = "../../devices/virtual/misc/iommu";
  sys.links[ScriptedSys::nodeOf(fd) + "/subsystem"] = "../../../../class/misc";
  {
    auto adopted = Iommufd::adopt(sys, fd);
    REQUIRE(adopted.ok());
    CHECK((*adopted)->descriptor() != fd);
  }
  CHECK(sys.openFiles() == 1);

  sys.links[ScriptedSys::nodeOf(fd)] = "../../devices/virtual/misc/vfio";
  CHECK(Iommufd::adopt(sys, fd).failure().reason == Reason::kInvalidArgument);
  CHECK(Iommufd::adopt(sys, -1).failure().reason == Reason::kInvalidArgument);
  CHECK(Iommufd::adopt(sys, 9999).failure().error == EBADF);
}

TEST_CASE_FIXTURE(IommufdFixture, "whom memory is charged to is read, set, and refused when it is too late") {
  CHECK(*iommufd->memoryCharge() == MemoryCharge::kUser);
  CHECK(iommufd->setMemoryCharge(MemoryCharge::kProcess).ok());
  CHECK(kernel.rlimitMode == 1);
  CHECK(*iommufd->memoryCharge() == MemoryCharge::kProcess);
  kernel.rlimitMode = 2;
  CHECK(iommufd->memoryCharge().failure().reason == Reason::kMalformed);
  sys.fail(uapi::kIommuOption, EBUSY);
  auto late = iommufd->setMemoryCharge(MemoryCharge::kUser);
  CHECK(late.failure().error == EBUSY);
  CHECK(late.failure().detail == "it must be set before anything is made");
  sys.fail(uapi::kIommuOption, EPERM);
  CHECK(iommufd->setMemoryCharge(MemoryCharge::kUser).failure().error == EPERM);
}

TEST_CASE_FIXTURE(IommufdFixture, "the IOMMU behind a device: its dirty tracking, and its data whole") {
  auto info = iommufd->hwInfo(1);
  REQUIRE(info.ok());
  CHECK(info->type == uapi::kIommuHwInfoTypeIntelVtd);
  CHECK(info->dirtyTracking());
  CHECK(info->data == std::vector<uint8_t>(24, 7));

  kernel.iommuTracks = false;
  kernel.hwData.assign(1000, 9);
  info = iommufd->hwInfo(1);
  REQUIRE(info.ok());
  CHECK_FALSE(info->dirtyTracking());
  CHECK(info->data == std::vector<uint8_t>(1000, 9));
}

TEST_CASE_FIXTURE(IommufdFixture, "a driver that asks for too much room, or ever more, is not believed") {
  kernel.lyingHwDataLength = 0x80000000;
  CHECK(iommufd->hwInfo(1).failure().reason == Reason::kMalformed);
  sys.duringIoctl = [&](unsigned long request) {
    if (request == uapi::kIommuGetHwInfo) kernel.lyingHwDataLength = kernel.lyingHwDataLength * 2;
  };
  kernel.lyingHwDataLength = 500;
  CHECK(iommufd->hwInfo(1).failure().reason == Reason::kMalformed);
}

TEST_CASE_FIXTURE(IommufdFixture, "an emulated device has no IOMMU behind it") {
  sys.fail(uapi::kIommuGetHwInfo, ENOENT);
  auto info = iommufd->hwInfo(1);
  CHECK(info.failure().error == ENOENT);
  CHECK(info.failure().detail == "no IOMMU is behind an emulated device");
}

TEST_CASE_FIXTURE(IommufdFixture, "the address space of container ioctls is none, set, and cleared") {
  CHECK(iommufd->compatIoas().failure().error == ENODEV);
  CHECK(iommufd->setCompatIoas(5).ok());
  CHECK(*iommufd->compatIoas() == 5);
  CHECK(iommufd->clearCompatIoas().ok());
  CHECK(iommufd->compatIoas().failure().error == ENODEV);
  sys.fail(uapi::kIommuVfioIoas, ENOENT, 1, 2);
  CHECK(iommufd->setCompatIoas(6).failure().operation == "IOMMU_VFIO_IOAS SET 6");
  CHECK(iommufd->clearCompatIoas().failure().error == ENOENT);
}

TEST_CASE_FIXTURE(IommufdFixture, "an object that is used cannot be destroyed") {
  sys.fail(uapi::kIommuDestroy, EBUSY);
  CHECK(iommufd->destroy(3).failure().error == EBUSY);
  CHECK(iommufd->destroy(3).failure().error == ENOENT);
}

TEST_CASE_FIXTURE(IommufdFixture, "it passes for a container, with a descriptor of its own") {
  auto container = iommufd->container();
  REQUIRE(container.ok());
  CHECK((*container)->descriptor() != iommufd->descriptor());
  CHECK(*(*container)->checkExtension(uapi::kVfioType1v2Iommu) == 1);
  container = Failure{};
  CHECK(sys.openFiles() == 1);
  sys.fail(uapi::kVfioGetApiVersion, ENOTTY);
  CHECK(iommufd->container().failure().error == ENOTTY);
  sys.fail("fcntl", EMFILE);
  CHECK(iommufd->container().failure().error == EMFILE);
  CHECK(sys.openFiles() == 1);
}
