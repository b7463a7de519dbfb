// SPDX-License-Identifier: MIT
// Dirty tracking of an IOAS and its page tables.
#include <doctest/doctest.h>

#include "core/kernel/ioas.h"
#include "support/iommufd_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::IommufdFixture;
using vfm::test::ScriptedIommufd;

namespace {

struct TrackingFixture : IommufdFixture {
  std::shared_ptr<Ioas> ioas = space(true);
  std::shared_ptr<Hwpt> hwpt = std::move(ioas->allocateHwpt(ScriptedIommufd::kDevice, true)).value();

  TrackingFixture() { sys.duringIoctl = nullptr; }
  void dirty(uint64_t iova) { kernel.tables.at(hwpt->id()).dirty.insert(iova); }
  static std::shared_ptr<DirtyBitmap> bitmap(uint64_t iova, uint64_t pages, uint64_t page = kPage) {
    return std::move(DirtyBitmap::create(iova, pages * page, page)).value();
  }
  void mapped(uint64_t iova, uint64_t pages) {
    REQUIRE(ioas->map(iova, slice(pages), Protection::kReadWrite).ok());
  }
};

}  // namespace

TEST_CASE_FIXTURE(TrackingFixture, "exactly the pages that were written are reported, once") {
  mapped(0x10000, 16);
  REQUIRE(ioas->startDirtyTracking().ok());
  CHECK(kernel.tables.at(hwpt->id()).tracks);
  dirty(0x13000);
  dirty(0x1f000);
  auto first = bitmap(0x10000, 16);
  REQUIRE(ioas->reportDirty(*first).ok());
  CHECK(first->words()[0] == ((1u << 3) | (1u << 15)));
  auto second = bitmap(0x10000, 16);
  REQUIRE(ioas->reportDirty(*second).ok());
  CHECK(second->dirtyPages() == 0);
}

TEST_CASE_FIXTURE(TrackingFixture, "what lies behind a hole is reported too") {
  mapped(0x10000, 2);
  mapped(0x20000, 2);
  REQUIRE(ioas->startDirtyTracking().ok());
  dirty(0x11000);
  dirty(0x21000);
  auto found = bitmap(0, 64);
  REQUIRE(ioas->reportDirty(*found).ok());
  CHECK(found->dirtyPages() == 2);
  CHECK(found->nextRun(0x12)->first == 0x21000);
  CHECK(sys.calls(uapi::kIommuHwptGetDirtyBitmap) == 2);
}

TEST_CASE_FIXTURE(TrackingFixture, "mappings that touch are one request") {
  mapped(0x10000, 2);
  mapped(0x12000, 2);
  REQUIRE(ioas->startDirtyTracking().ok());
  dirty(0x11000);
  dirty(0x12000);
  auto found = bitmap(0x11000, 2);
  REQUIRE(ioas->reportDirty(*found).ok());
  CHECK(found->dirtyPages() == 2);
  CHECK(sys.calls(uapi::kIommuHwptGetDirtyBitmap) == 1);
}

TEST_CASE_FIXTURE(TrackingFixture, "pages of a bitmap that are larger than what is mapped") {
  mapped(0x11000, 2);
  REQUIRE(ioas->startDirtyTracking().ok());
  dirty(0x12000);
  auto found = bitmap(0x10000, 2, 0x10000);
  REQUIRE(ioas->reportDirty(*found).ok());
  CHECK(found->words()[0] == 1);
}

TEST_CASE_FIXTURE(TrackingFixture, "unmapping reads what is about to be lost, and leaves the bits alone") {
  mapped(0x10000, 4);
  REQUIRE(ioas->startDirtyTracking().ok());
  dirty(0x12000);
  kernel.log.clear();
  auto found = bitmap(0x10000, 4);
  REQUIRE(ioas->unmap(0x10000, 4 * kPage, found.get()).ok());
  CHECK(found->words()[0] == 1u << 2);
  CHECK(kernel.log == std::vector<std::string>{"read", "unmap"});
}

TEST_CASE_FIXTURE(TrackingFixture, "what cannot be read is not unmapped") {
  mapped(0x10000, 4);
  auto found = bitmap(0x10000, 4);
  CHECK(ioas->unmap(0x10000, 4 * kPage, found.get()).failure().error == EINVAL);  // not started
  REQUIRE(ioas->startDirtyTracking().ok());
  sys.fail(uapi::kIommuHwptGetDirtyBitmap, ENOMEM);
  CHECK(ioas->unmap(0x10000, 4 * kPage, found.get()).failure().error == ENOMEM);
  CHECK(kernel.mappings.size() == 1);
}

TEST_CASE_FIXTURE(TrackingFixture, "all page tables are started and asked, and late ones join") {
  mapped(0x10000, 4);
  auto other = std::move(ioas->allocateHwpt(ScriptedIommufd::kDevice, true)).value();
  REQUIRE(ioas->startDirtyTracking().ok());
  auto late = std::move(ioas->allocateHwpt(ScriptedIommufd::kDevice, true)).value();
  CHECK(kernel.tables.at(late->id()).tracks);
  dirty(0x10000);
  kernel.tables.at(other->id()).dirty.insert(0x11000);
  kernel.tables.at(late->id()).dirty.insert(0x12000);
  auto found = bitmap(0x10000, 4);
  REQUIRE(ioas->reportDirty(*found).ok());
  CHECK(found->dirtyPages() == 3);
  REQUIRE(ioas->stopDirtyTracking().ok());
  for (const auto& entry : kernel.tables) CHECK_FALSE(entry.second.tracks);
  CHECK(ioas->reportDirty(*found).failure().error == EINVAL);
}

TEST_CASE_FIXTURE(TrackingFixture,
                  "what is on stays on, what is off stays off, and the kernel is not asked") {
  REQUIRE(ioas->stopDirtyTracking().ok());
  CHECK(sys.calls(uapi::kIommuHwptSetDirtyTracking) == 0);
  REQUIRE(ioas->startDirtyTracking().ok());
  REQUIRE(ioas->startDirtyTracking().ok());
  CHECK(sys.calls(uapi::kIommuHwptSetDirtyTracking) == 1);
}

TEST_CASE_FIXTURE(TrackingFixture, "a start that fails half-way is undone") {
  auto other = std::move(ioas->allocateHwpt(ScriptedIommufd::kDevice, true)).value();
  sys.fail(uapi::kIommuHwptSetDirtyTracking, EIO, 2);
  CHECK(ioas->startDirtyTracking().failure().error == EIO);
  for (const auto& entry : kernel.tables) CHECK_FALSE(entry.second.tracks);
  CHECK(ioas->reportDirty(*bitmap(0x10000, 4)).failure().error == EINVAL);
}

TEST_CASE_FIXTURE(TrackingFixture, "a late page table that cannot be started does not come to be") {
  REQUIRE(ioas->startDirtyTracking().ok());
  sys.fail(uapi::kIommuHwptSetDirtyTracking, EIO);
  CHECK(ioas->allocateHwpt(ScriptedIommufd::kDevice, true).failure().error == EIO);
  CHECK(kernel.tables.size() == 1);
}

TEST_CASE_FIXTURE(TrackingFixture, "a stop goes on to the last page table, and answers the first failure") {
  auto other = std::move(ioas->allocateHwpt(ScriptedIommufd::kDevice, true)).value();
  REQUIRE(ioas->startDirtyTracking().ok());
  sys.fail(uapi::kIommuHwptSetDirtyTracking, EIO);
  CHECK(ioas->stopDirtyTracking().failure().error == EIO);
  CHECK_FALSE(kernel.tables.at(other->id()).tracks);
}

TEST_CASE_FIXTURE(TrackingFixture, "a report that fails is a failure") {
  mapped(0x10000, 4);
  REQUIRE(ioas->startDirtyTracking().ok());
  for (const int error : {EINVAL, EOVERFLOW, ENOMEM, EFAULT, EOPNOTSUPP}) {
    sys.fail(uapi::kIommuHwptGetDirtyBitmap, error);
    auto report = ioas->reportDirty(*bitmap(0x10000, 4));
    REQUIRE_FALSE(report.ok());
    CHECK(report.failure().error == error);
  }
}

TEST_CASE_FIXTURE(IommufdFixture, "an address space without dirty tracking says that it comes too late") {
  auto plain = space();
  auto bitmap = std::move(DirtyBitmap::create(0, kPage, kPage)).value();
  for (const Status& status :
       {plain->startDirtyTracking(), plain->reportDirty(*bitmap), plain->stopDirtyTracking()}) {
    CHECK(status.failure().reason == Reason::kUnsupported);
    CHECK(status.failure().detail.find("cannot get them later") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(IommufdFixture, "page tables that an IOMMU or a device cannot have") {
  auto made = space(true);
  kernel.iommuTracks = false;
  auto without = made->allocateHwpt(ScriptedIommufd::kDevice, true);
  CHECK(without.failure().error == EOPNOTSUPP);
  CHECK(without.failure().detail == "the device's IOMMU keeps no dirty bits");
  auto emulated = made->allocateHwpt(5, false);
  CHECK(emulated.failure().error == ENOENT);
  CHECK(emulated.failure().detail.find("emulated") != std::string::npos);
  auto plain = std::move(made->allocateHwpt(ScriptedIommufd::kDevice, false)).value();
  auto refused = plain->setDirtyTracking(true);
  CHECK(refused.failure().error == EOPNOTSUPP);
  CHECK(refused.failure().detail.find("without dirty tracking") != std::string::npos);
  CHECK(plain->deviceId() == ScriptedIommufd::kDevice);
}

TEST_CASE_FIXTURE(TrackingFixture, "a page table keeps its address space, and goes before it") {
  const uint32_t id = ioas->id();
  ioas.reset();
  CHECK(kernel.spaces.count(id) == 1);
  hwpt.reset();
  CHECK(kernel.tables.empty());
  CHECK(kernel.spaces.empty());
}

TEST_CASE_FIXTURE(TrackingFixture, "one page table is asked alone") {
  mapped(0x10000, 4);
  REQUIRE(hwpt->setDirtyTracking(true).ok());
  dirty(0x10000);
  auto found = bitmap(0x10000, 4);
  REQUIRE(ioas->reportDirty(*hwpt, *found, AfterRead::kKeep).ok());
  CHECK(found->dirtyPages() == 1);
  found->clear();
  REQUIRE(ioas->reportDirty(*hwpt, *found, AfterRead::kClear).ok());
  CHECK(found->dirtyPages() == 1);
  found->clear();
  REQUIRE(ioas->reportDirty(*hwpt, *found, AfterRead::kClear).ok());
  CHECK(found->dirtyPages() == 0);
}
