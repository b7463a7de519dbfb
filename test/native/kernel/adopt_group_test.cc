// SPDX-License-Identifier: MIT
// Adoption of containers, groups, sessions, and of other processes' descriptors.
#include <doctest/doctest.h>
#include <unistd.h>

#include "core/kernel/adopt.h"
#include "support/scripted_sys.h"
#include "uapi/type1.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::ScriptedSys;

namespace {

struct GroupFixture {
  ScriptedSys sys;

  int add(const std::string& type, const std::string& subsystem, const std::string& device) {
    const int fd = sys.add(type, false);
    const std::string node = "/sys/dev/char/511:" + std::to_string(fd);
    sys.links[node + "/subsystem"] = "../../class/" + subsystem;
    sys.links[node] = "../../devices/virtual/" + device;
    return fd;
  }
  void hasIommu(int toInfo, int toDirtyPages) {
    sys.onContainer = [=](unsigned long request, void*) {
      return request == uapi::kVfioIommuGetInfo ? toInfo : toDirtyPages;
    };
  }
  int addContainer() { return add("container", "misc", "misc/vfio"); }
  int addGroup(const std::string& name = "7") { return add("group", "vfio", "vfio/" + name); }
};

}  // namespace

TEST_CASE_FIXTURE(GroupFixture, "a container: duplicated, and its IOMMU found out by asking") {
  const int fd = addContainer();
  SUBCASE("without an IOMMU") {
    hasIommu(-EINVAL, -EINVAL);
    auto container = adoptContainer(sys, fd);
    REQUIRE(container.ok());
    CHECK_FALSE((*container)->iommu().has_value());
    CHECK(sys.file((*container)->descriptor()).closeOnExec);
  }
  SUBCASE("type1") {
    hasIommu(0, -EACCES);
    CHECK((*adoptContainer(sys, fd))->iommu() == uapi::kVfioType1Iommu);
  }
  SUBCASE("type1 v2") {
    hasIommu(0, -EINVAL);
    CHECK((*adoptContainer(sys, fd))->iommu() == uapi::kVfioType1v2Iommu);
  }
  SUBCASE("none that protects") {
    CHECK((*adoptContainer(sys, fd))->iommu() == uapi::kVfioNoiommuIommu);  // ENOTTY
  }
  CHECK(sys.isOpen(fd));
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(GroupFixture, "a container of another version") {
  const int fd = addContainer();
  sys.apiVersion = 1;
  CHECK(adoptContainer(sys, fd).failure().reason == Reason::kVersion);
  CHECK(sys.openFiles() == 1);
}

TEST_CASE_FIXTURE(GroupFixture, "a group, with the container its owner put it into") {
  const int container = addContainer();
  const int fd = addGroup();
  sys.groupFlags |= uapi::kVfioGroupFlagsContainerSet;
  auto adopted = adoptContainer(sys, container);
  REQUIRE(adopted.ok());
  auto group = adoptGroup(sys, fd, *adopted);
  REQUIRE(group.ok());
  CHECK((*group)->name().path() == "/dev/vfio/7");
  CHECK((*group)->container().get() == adopted->get());
  CHECK(sys.file((*group)->descriptor()).closeOnExec);
  CHECK(sys.calls(uapi::kVfioGroupSetContainer) == 0);

  // Whoever opens the group now in this process gets this one: the kernel would say EBUSY.
  auto opened = Group::open(sys, GroupName{7, false});
  REQUIRE(opened.ok());
  CHECK(opened->get() == group->get());

  auto device = adoptDevice(
      sys,
      [&] {
        const int handed = sys.add("device", false);
        sys.links["/proc/self/fd/" + std::to_string(handed)] = "anon_inode:[vfio-device]";
        return handed;
      }(),
      Adoption::kDuplicate, *group);
  REQUIRE(device.ok());
  const auto companions = (*device)->companions();
  REQUIRE(companions.size() == 2);
  CHECK(companions[0].kind == Companion::Kind::kGroup);
  CHECK(companions[0].descriptor == (*group)->descriptor());
  CHECK(companions[1].kind == Companion::Kind::kContainer);
  CHECK(companions[1].descriptor == (*adopted)->descriptor());
}

TEST_CASE_FIXTURE(GroupFixture, "a group that is in no container has none") {
  auto container = adoptContainer(sys, addContainer());
  auto group = adoptGroup(sys, addGroup(), *container);
  REQUIRE(group.ok());
  CHECK_FALSE(bool((*group)->container()));
}

TEST_CASE_FIXTURE(GroupFixture, "a group without an IOMMU keeps that in its name") {
  auto group = adoptGroup(sys, addGroup("noiommu-3"), nullptr);
  REQUIRE(group.ok());
  CHECK((*group)->name().noIommu);
  CHECK((*group)->name().number == 3);
}

TEST_CASE_FIXTURE(GroupFixture, "what is called like no group is none") {
  for (const char* name : {"", "x", "7x", "noiommu-", "12345678901"}) {
    const int fd = addGroup(name);
    CHECK_FALSE(adoptGroup(sys, fd, nullptr).ok());
    sys.close(fd);
  }
}

TEST_CASE_FIXTURE(GroupFixture, "the wrong kind is refused by name, without an ioctl") {
  const int container = addContainer();
  const int group = addGroup();
  const int iommufd = add("iommufd", "misc", "misc/iommu");
  const auto refused = [](const Failure& failure, const char* what) {
    CHECK(failure.reason == Reason::kInvalidArgument);
    CHECK_MESSAGE(failure.detail.find(what) != std::string::npos, failure.detail);
  };
  refused(adoptContainer(sys, group).failure(), "a VFIO group");
  refused(adoptContainer(sys, iommufd).failure(), "an iommufd");
  refused(adoptGroup(sys, container, nullptr).failure(), "a VFIO container");
  refused(adoptContainer(sys, -1).failure(), "not a descriptor");
  CHECK(adoptGroup(sys, 4711, nullptr).failure().error == EBADF);
  CHECK(sys.calls(uapi::kVfioGetApiVersion) == 0);
  CHECK(sys.calls(uapi::kVfioGroupGetStatus) == 0);
  CHECK(sys.openFiles() == 3);
}

TEST_CASE_FIXTURE(GroupFixture, "a session: only the data of a save or load becomes one") {
  const int fd = sys.add("device", false);
  sys.links["/proc/self/fd/" + std::to_string(fd)] = "anon_inode:[vfio-device]";
  auto device = adoptDevice(sys, fd, Adoption::kDuplicate);
  REQUIRE(device.ok());
  CHECK((*device)->adoptSession(fd).failure().reason == Reason::kInvalidArgument);

  const int data = sys.add("data", false);
  for (const char* name : {"mtty_mig", "mlx5vf_mig", "pds_vfio_lm", "[vfm_test-mig]"}) {
    sys.links["/proc/self/fd/" + std::to_string(data)] = std::string("anon_inode:") + name;
    auto session = (*device)->adoptSession(data);
    REQUIRE(session.ok());
    CHECK((*session)->descriptor() != data);
    CHECK(sys.file((*session)->descriptor()).closeOnExec);
  }
  for (const char* name : {"kvm-vfio", "[eventfd]", "inotify"}) {
    sys.links["/proc/self/fd/" + std::to_string(data)] = std::string("anon_inode:") + name;
    CHECK((*device)->adoptSession(data).failure().reason == Reason::kInvalidArgument);
  }
  CHECK(sys.isOpen(data));
}

TEST_CASE_FIXTURE(GroupFixture, "a descriptor of another process") {
  auto taken = takeFromProcess(sys, 42, 9);
  REQUIRE(taken.ok());
  CHECK(sys.file(taken->get()).kind == "taken");
  taken = Failure{};
  CHECK(sys.openFiles() == 0);

  sys.fail("pidfd_open", ESRCH);
  CHECK(takeFromProcess(sys, 42, 9).failure().error == ESRCH);
  sys.fail("pidfd_getfd", EPERM);
  const Failure refused = takeFromProcess(sys, 42, 9).failure();
  CHECK(refused.error == EPERM);
  CHECK(std::string(refused.syscall) == "pidfd_getfd");
  CHECK(refused.operation == "descriptor 9 of process 42");
  CHECK(sys.openFiles() == 0);
}

TEST_CASE("a descriptor of this process, by the real kernel") {
  Sys& sys = Sys::real();
  Descriptor event(sys, sys.eventfd());
  REQUIRE(event.valid());
  auto taken = takeFromProcess(sys, ::getpid(), event.get());
  if (!taken.ok() && taken.failure().error == ENOSYS)
    return;  // a kernel before 5.6, or a sandbox without the call
  REQUIRE(taken.ok());
  CHECK(taken->get() != event.get());
  CHECK(sys.fcntl(taken->get(), F_GETFD, 0) == FD_CLOEXEC);
}
