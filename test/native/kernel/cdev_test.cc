// SPDX-License-Identifier: MIT
#include "core/kernel/cdev.h"

#include <doctest/doctest.h>

#include "core/kernel/kernel_device.h"
#include "support/iommufd_fixture.h"
#include "support/region_answer.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::IommufdFixture;
using vfm::test::RegionAnswer;
using vfm::test::ScriptedIommufd;

namespace {

constexpr const char* kNode = "/dev/vfio/devices/vfio0";

struct CdevFixture : IommufdFixture {
  std::shared_ptr<KernelDevice> open() { return std::move(openCdev(iommufd, kNode)).value(); }
};

}  // namespace

TEST_CASE_FIXTURE(CdevFixture, "a device node is bound before anything else, and reaches no memory yet") {
  auto device = open();
  CHECK(kernel.log == std::vector<std::string>{"bind"});
  CHECK(device->info().ok());
  CHECK_FALSE(bool(device->addressSpace()));
  CHECK_FALSE(bool(device->group()));
}

TEST_CASE_FIXTURE(CdevFixture, "a node that cannot be opened or bound says whose it is") {
  const size_t before = sys.openFiles();
  sys.fail("open", ENOENT);
  CHECK(openCdev(iommufd, kNode).failure().error == ENOENT);
  sys.fail("open", EACCES);
  CHECK(openCdev(iommufd, kNode).failure().syscall == std::string("open"));
  sys.fail(uapi::kVfioDeviceBindIommufd, EINVAL);
  CHECK(openCdev(iommufd, kNode).failure().detail.find("bound once") != std::string::npos);
  sys.fail(uapi::kVfioDeviceBindIommufd, EBUSY);
  CHECK(openCdev(iommufd, kNode).failure().detail.find("its group is open") != std::string::npos);
  sys.fail(uapi::kVfioDeviceBindIommufd, ENODEV);
  CHECK(openCdev(iommufd, kNode).failure().error == ENODEV);
  sys.fail("fstat", EBADF);
  CHECK_FALSE(openCdev(iommufd, "/dev/vfio/vfio").ok());
  CHECK(sys.openFiles() == before);
}

TEST_CASE_FIXTURE(CdevFixture, "what is no device node is asked nothing") {
  const int calls = sys.calls(uapi::kVfioDeviceBindIommufd);
  sys.links["/sys/dev/char/511:101"] = "../../devices/virtual/misc/vfio";
  sys.links["/sys/dev/char/511:101/subsystem"] = "../../../../class/misc";
  auto opened = openCdev(iommufd, "/dev/vfio/vfio");
  CHECK(opened.failure().reason == Reason::kInvalidArgument);
  CHECK(sys.calls(uapi::kVfioDeviceBindIommufd) == calls);
}

TEST_CASE_FIXTURE(CdevFixture, "attached to an address space, moved to another, and detached") {
  auto device = open();
  auto first = space();
  auto second = space();
  REQUIRE(device->attach(first).ok());
  CHECK(kernel.attachedTo == first->id());
  CHECK(device->addressSpace().get() == first.get());
  REQUIRE(device->attach(first).ok());  // again: nothing to do
  CHECK(sys.calls(uapi::kVfioDeviceAttachIommufdPt) == 1);
  REQUIRE(device->attach(second).ok());
  CHECK(kernel.attachedTo == second->id());
  REQUIRE(device->detach().ok());
  CHECK(kernel.attachedTo == 0);
  CHECK_FALSE(bool(device->addressSpace()));
  REQUIRE(device->detach().ok());
  CHECK(sys.calls(uapi::kVfioDeviceDetachIommufdPt) == 1);
}

TEST_CASE_FIXTURE(CdevFixture, "a device that is not taken in stays where it is") {
  auto device = open();
  auto first = space();
  auto second = space(true);
  REQUIRE(device->attach(first).ok());
  sys.fail(uapi::kVfioDeviceAttachIommufdPt, EINVAL);
  auto refused = device->attach(second);
  CHECK(refused.failure().detail.find("must go first") != std::string::npos);
  CHECK(device->addressSpace().get() == first.get());
  CHECK(kernel.tables.empty());
  sys.fail(uapi::kVfioDeviceDetachIommufdPt, EIO);
  CHECK(device->detach().failure().error == EIO);
  CHECK(device->addressSpace().get() == first.get());
}

TEST_CASE_FIXTURE(CdevFixture, "with dirty tracking it is attached to a page table of its own") {
  auto device = open();
  auto tracking = space(true);
  REQUIRE(device->attach(tracking).ok());
  REQUIRE(kernel.tables.size() == 1);
  CHECK(kernel.attachedTo == kernel.tables.begin()->first);
  CHECK(kernel.tables.begin()->second.canTrack);
  REQUIRE(device->attach(space()).ok());
  CHECK(kernel.tables.empty());
}

TEST_CASE_FIXTURE(CdevFixture, "an IOMMU without dirty bits does not take part in dirty tracking") {
  auto device = open();
  kernel.iommuTracks = false;
  CHECK(device->attach(space(true)).failure().error == EOPNOTSUPP);
  CHECK_FALSE(bool(device->addressSpace()));
}

TEST_CASE_FIXTURE(CdevFixture, "address spaces of another iommufd or another kind are refused") {
  auto device = open();
  auto foreign = Ioas::allocate(std::move(Iommufd::open(sys)).value(), {});
  CHECK(device->attach(*foreign).failure().reason == Reason::kInvalidArgument);
  CHECK(device->attach(nullptr).failure().reason == Reason::kUnsupported);
  KernelDevice adopted(std::make_shared<DeviceHandle>(sys, nullptr, Descriptor(sys, sys.add("device"))));
  CHECK(adopted.attach(space()).failure().reason == Reason::kUnsupported);
  CHECK(adopted.detach().failure().reason == Reason::kUnsupported);
}

TEST_CASE_FIXTURE(CdevFixture, "closed in order: device, page table, address space, iommufd") {
  auto device = open();
  REQUIRE(device->attach(space(true)).ok());
  const uint32_t table = kernel.tables.begin()->first;
  const uint32_t ioas = *kernel.spaces.begin();
  iommufd.reset();
  sys.log.clear();
  kernel.log.clear();
  sys.duringClose = [&](const std::string& kind) { kernel.log.push_back("close " + kind); };
  device.reset();
  CHECK(kernel.log == std::vector<std::string>{"close node", "destroy " + std::to_string(table),
                                               "destroy " + std::to_string(ioas), "close iommufd"});
}

TEST_CASE_FIXTURE(CdevFixture, "a mapping keeps what the device is attached to") {
  sys.regions[2] = RegionAnswer(2, 16 * kPage).mappable().bytes();
  auto device = open();
  REQUIRE(device->attach(space(true)).ok());
  auto mapping = std::move(device->map(2, Area{0, kPage}, Protection::kReadWrite)).value();
  iommufd.reset();
  device.reset();
  CHECK(kernel.tables.size() == 1);
  CHECK(sys.openFiles() == 1);
  mapping.reset();
  CHECK(kernel.tables.empty());
  CHECK(sys.openFiles() == 0);
}
