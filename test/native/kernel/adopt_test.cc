// SPDX-License-Identifier: MIT
#include "core/kernel/adopt.h"

#include <doctest/doctest.h>

#include "support/scripted_sys.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::ScriptedSys;

namespace {

struct AdoptFixture {
  ScriptedSys sys;
  int fd = sys.add("device", false);
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  std::string node = "/sys/dev/char/511:" + std::to_string(fd);  // as ScriptedSys numbers them
};

void checkRefused(const Result<std::shared_ptr<KernelDevice>>& device, const std::string& what) {
  REQUIRE_FALSE(device.ok());
  CHECK(device.failure().reason == Reason::kInvalidArgument);
  CHECK_MESSAGE(device.failure().detail.find(what) != std::string::npos, device.failure().detail);
}

}  // namespace

TEST_CASE_FIXTURE(AdoptFixture, "a group's device: duplicated, the original stays the caller's") {
  sys.links[link] = "anon_inode:[vfio-device]";
  auto device = adoptDevice(sys, fd, Adoption::kDuplicate);
  REQUIRE(device.ok());
  CHECK((*device)->descriptor() != fd);
  CHECK(sys.file((*device)->descriptor()).closeOnExec);
  CHECK_FALSE(bool((*device)->group()));
  device = Failure{};
  CHECK(sys.isOpen(fd));
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "a group's device: taken over") {
  sys.links[link] = "anon_inode:[vfio-device]";
  auto device = adoptDevice(sys, fd, Adoption::kTakeOver);
  REQUIRE(device.ok());
  CHECK_FALSE(sys.isOpen(fd));
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "a device node of class vfio-dev") {
  sys.links[node + "/subsystem"] = "../../../../../../class/vfio-dev";
  sys.links[node] = "../../devices/pci0000:00/0000:00:05.0/vfio-dev/vfio0";
  CHECK(adoptDevice(sys, fd, Adoption::kDuplicate).ok());

  sys.fail(uapi::kVfioDeviceGetInfo, EINVAL);
  auto unbound = adoptDevice(sys, fd, Adoption::kTakeOver);
  REQUIRE_FALSE(unbound.ok());
  CHECK(unbound.failure().error == EINVAL);
  CHECK(unbound.failure().detail.find("not bound to an iommufd") != std::string::npos);
  CHECK(sys.isOpen(fd));
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "anything else is refused by name, and asked nothing") {
  SUBCASE("a container") {
    sys.links[node + "/subsystem"] = "../../../../class/misc";
    sys.links[node] = "../../devices/virtual/misc/vfio";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "a VFIO container");
  }
  SUBCASE("an iommufd") {
    sys.links[node + "/subsystem"] = "../../../../class/misc";
    sys.links[node] = "../../devices/virtual/misc/iommu";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "an iommufd");
  }
  SUBCASE("another misc device") {
    sys.links[node + "/subsystem"] = "../../../../class/misc";
    sys.links[node] = "../../devices/virtual/misc/fuse";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "nothing of VFIO's");
  }
  SUBCASE("a group") {
    sys.links[node + "/subsystem"] = "../../../../class/vfio";
    sys.links[node] = "../../devices/virtual/vfio/12";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "a VFIO group");
  }
  SUBCASE("a terminal") {
    sys.links[node + "/subsystem"] = "../../../../class/tty";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "nothing of VFIO's");
  }
  SUBCASE("migration data") {
    sys.links[link] = "anon_inode:mtty_mig";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "the data of a save or load");
  }
  SUBCASE("a file that is called like one") {
    sys.links[link] = "/tmp/anon_inode:[vfio-device]";
    checkRefused(adoptDevice(sys, fd, Adoption::kTakeOver), "nothing of VFIO's");
  }
  CHECK(sys.calls(uapi::kVfioDeviceGetInfo) == 0);
  CHECK(sys.isOpen(fd));
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "what is not open, or cannot be looked at") {
  CHECK(adoptDevice(sys, 4711, Adoption::kTakeOver).failure().error == EBADF);
  CHECK(adoptDevice(sys, -1, Adoption::kTakeOver).failure().reason == Reason::kInvalidArgument);
  CHECK(adoptDevice(sys, fd, Adoption::kTakeOver).failure().error == ENOENT);  // no sysfs
  sys.links[link] = "anon_inode:[vfio-device]";
  sys.fail("fcntl", EMFILE);
  CHECK(adoptDevice(sys, fd, Adoption::kTakeOver).failure().error == EMFILE);
  CHECK(sys.isOpen(fd));
}

// The real kernel, with what every machine has.
TEST_CASE("real descriptors that are no devices") {
  Sys& sys = Sys::real();
  Descriptor null(sys, sys.open("/dev/null", O_RDONLY));
  REQUIRE(null.valid());
  CHECK(identifyDescriptor(sys, null.get())->kind == DescriptorKind::kOther);
  Descriptor event(sys, sys.eventfd());
  REQUIRE(event.valid());
  checkRefused(adoptDevice(sys, event.get(), Adoption::kTakeOver), "nothing of VFIO's");
  CHECK(sys.fcntl(event.get(), F_GETFD, 0) == FD_CLOEXEC);
}
