// SPDX-License-Identifier: MIT
#include "core/kernel/group.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "core/kernel/open_device.h"
#include "support/scripted_sys.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::ScriptedSys;

namespace {

using Log = std::vector<std::string>;

Result<std::shared_ptr<KernelDevice>> open(ScriptedSys& sys, const std::string& name = "0000:00:02.0") {
  return openDevice(sys, DeviceLocation{GroupName{12, false}, name}, OpenOptions{});
}

}  // namespace

TEST_CASE("a device is opened through group, container and IOMMU, and closed the other way round") {
  ScriptedSys sys;
  {
    auto device = open(sys);
    REQUIRE(device.ok());
    CHECK(sys.lastDeviceName == "0000:00:02.0");
    CHECK((*device)->group()->container()->iommu() == uapi::kVfioType1v2Iommu);
    CHECK(sys.log == Log{"open group", "open container", "set container", "set iommu 3", "get device"});
    sys.log.clear();
  }
  CHECK(sys.log == Log{"close device", "close group", "close container"});
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("a second device of the group uses the first one's group and container") {
  ScriptedSys sys;
  auto first = open(sys, "a");
  REQUIRE(first.ok());
  sys.log.clear();
  auto second = open(sys, "b");
  REQUIRE(second.ok());
  CHECK(sys.log == Log{"get device"});
  CHECK(((*first)->group() == (*second)->group()));

  sys.log.clear();
  first = Failure{};
  CHECK(sys.log == Log{"close device"});
  second = Failure{};
  CHECK(sys.log == Log{"close device", "close device", "close group", "close container"});
}

TEST_CASE("a group that is just being closed is waited for") {
  ScriptedSys sys;
  auto device = open(sys);
  REQUIRE(device.ok());
  std::thread other;
  bool opened = false;
  sys.duringClose = [&](const std::string& kind) {
    if (kind != "group") return;
    sys.duringClose = nullptr;
    other = std::thread([&] { opened = open(sys).ok(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  device = Failure{};
  other.join();
  CHECK(opened);
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("opening fails with the call that failed, and leaves nothing open") {
  ScriptedSys sys;
  int expected = 0;
  std::string operation;
  SUBCASE("the group is another process's") {
    sys.fail("open", expected = EBUSY);
    operation = "/dev/vfio/12";
  }
  SUBCASE("no permission on the node") {
    sys.fail("open", expected = EACCES);
    operation = "/dev/vfio/12";
  }
  SUBCASE("no container module") {
    sys.fail("open", expected = ENOENT, 2);
    operation = "/dev/vfio/vfio";
  }
  SUBCASE("not viable") {
    sys.groupFlags = 0;
    expected = EPERM;
    operation = "VFIO_GROUP_GET_STATUS";
  }
  SUBCASE("status") {
    sys.fail(uapi::kVfioGroupGetStatus, expected = ENODEV);
    operation = "VFIO_GROUP_GET_STATUS";
  }
  SUBCASE("attaching") {
    sys.fail(uapi::kVfioGroupSetContainer, expected = EPERM);
    operation = "VFIO_GROUP_SET_CONTAINER";
  }
  SUBCASE("the IOMMU") {
    sys.fail(uapi::kVfioSetIommu, expected = ENODEV);
    operation = "VFIO_SET_IOMMU 3";
  }
  SUBCASE("the device") {
    sys.fail(uapi::kVfioGroupGetDeviceFd, expected = ENODEV);
    operation = "VFIO_GROUP_GET_DEVICE_FD 0000:00:02.0";
  }
  auto device = open(sys);
  REQUIRE_FALSE(device.ok());
  CHECK(device.failure().reason == Reason::kSystem);
  CHECK(device.failure().error == expected);
  CHECK(device.failure().operation == operation);
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("a failed attachment is undone") {
  ScriptedSys sys;
  auto group = Group::open(sys, GroupName{12, false});
  REQUIRE(group.ok());
  sys.fail(uapi::kVfioSetIommu, ENOMEM);
  CHECK_FALSE((*group)->prepare(nullptr, NoIommu::kRefuse).ok());
  CHECK_FALSE(bool((*group)->container()));
  CHECK(sys.log.back() == "close container");
  CHECK((*group)->prepare(nullptr, NoIommu::kRefuse).ok());
}

TEST_CASE("a container of another API version is refused") {
  ScriptedSys sys;
  sys.apiVersion = 1;
  auto container = Container::open(sys);
  REQUIRE_FALSE(container.ok());
  CHECK(container.failure().reason == Reason::kVersion);
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("TYPE1 is used where there is no TYPE1v2") {
  ScriptedSys sys;
  sys.extensions = {uapi::kVfioType1Iommu};
  auto device = open(sys);
  REQUIRE(device.ok());
  CHECK((*device)->group()->container()->iommu() == uapi::kVfioType1Iommu);
}

TEST_CASE("no IOMMU: refused unless forced") {
  ScriptedSys sys;
  sys.extensions = {uapi::kVfioNoiommuIommu};
  DeviceLocation location{GroupName{3, true}, "0000:00:02.0"};
  auto refused = openDevice(sys, location, OpenOptions{});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().reason == Reason::kUnsupported);
  CHECK(sys.log.empty());

  auto byContainer = open(sys);
  REQUIRE_FALSE(byContainer.ok());
  CHECK(byContainer.failure().reason == Reason::kUnsupported);
  CHECK(sys.openFiles() == 0);

  sys.log.clear();
  auto forced = openDevice(sys, location, OpenOptions{nullptr, NoIommu::kAllow});
  REQUIRE(forced.ok());
  CHECK(sys.log[3] == "set iommu 8");
  CHECK((*forced)->group()->name().path() == "/dev/vfio/noiommu-3");

  ScriptedSys other;
  auto container = Container::open(other);
  REQUIRE(container.ok());
  CHECK((*container)->setIommu(uapi::kVfioNoiommuIommu).failure().reason == Reason::kUnsupported);
}

TEST_CASE("no IOMMU driver at all is unsupported") {
  ScriptedSys sys;
  sys.extensions.clear();
  auto device = open(sys);
  REQUIRE_FALSE(device.ok());
  CHECK(device.failure().reason == Reason::kUnsupported);
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("a container can be shared, and forgets its IOMMU with the last group") {
  ScriptedSys sys;
  auto container = Container::open(sys);
  REQUIRE(container.ok());
  {
    auto device =
        openDevice(sys, DeviceLocation{GroupName{12, false}, "x"}, OpenOptions{*container, NoIommu::kRefuse});
    REQUIRE(device.ok());
    CHECK(((*device)->group()->container() == *container));
    auto elsewhere = Container::open(sys);
    REQUIRE(elsewhere.ok());
    auto moved = (*device)->group()->setContainer(*elsewhere);
    REQUIRE_FALSE(moved.ok());
    CHECK(moved.failure().error == EBUSY);
  }
  CHECK_FALSE((*container)->iommu().has_value());
}

TEST_CASE("leaving a container: EBUSY with devices open, as the kernel says") {
  ScriptedSys sys;
  auto device = open(sys);
  REQUIRE(device.ok());
  auto group = (*device)->group();
  sys.fail(uapi::kVfioGroupUnsetContainer, EBUSY);
  auto kept = group->unsetContainer();
  REQUIRE_FALSE(kept.ok());
  CHECK(kept.failure().error == EBUSY);
  CHECK(bool(group->container()));
  device = Failure{};
  CHECK(group->unsetContainer().ok());
  CHECK_FALSE(bool(group->container()));
}

TEST_CASE("an interrupted call is repeated") {
  ScriptedSys sys;
  sys.fail("open", EINTR, 1, 2);
  sys.fail(uapi::kVfioGroupSetContainer, EINTR);
  sys.fail(uapi::kVfioGroupGetDeviceFd, EINTR);
  CHECK(open(sys).ok());
}

TEST_CASE("a VF token goes to the kernel and nowhere else") {
  ScriptedSys sys;
  const std::string name = "0000:01:10.0 vf_token=2ab74924-c335-45f4-9b16-8569e5b08258";
  REQUIRE(open(sys, name).ok());
  CHECK(sys.lastDeviceName == name);
  sys.fail(uapi::kVfioGroupGetDeviceFd, EACCES);
  auto refused = open(sys, name);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().operation == "VFIO_GROUP_GET_DEVICE_FD 0000:01:10.0");
  CHECK(refused.failure().detail.find("2ab74924") == std::string::npos);
}

TEST_CASE("what is no device name never reaches the kernel") {
  ScriptedSys sys;
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string(4096, 'x')}) {
    auto device = open(sys, name);
    REQUIRE_FALSE(device.ok());
    CHECK(device.failure().reason == Reason::kInvalidArgument);
  }
  CHECK(sys.calls(uapi::kVfioGroupGetDeviceFd) == 0);
}
