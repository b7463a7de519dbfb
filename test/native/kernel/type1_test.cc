// SPDX-License-Identifier: MIT
#include "core/kernel/type1.h"

#include <doctest/doctest.h>

#include "core/kernel/container.h"
#include "core/kernel/open_device.h"
#include "support/scripted_type1.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::ScriptedSys;
using vfm::test::ScriptedType1;

namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<DmaMemory> memoryOf(uint64_t size) {
  auto memory = DmaMemory::allocate(size, {});
  REQUIRE(memory.ok());
  return *memory;
}

struct Fixture {
  ScriptedSys sys;
  ScriptedType1 iommu;
  std::shared_ptr<KernelDevice> device;
  std::shared_ptr<AddressSpace> space;

  Fixture() {
    iommu.installIn(sys);
    auto opened = openDevice(sys, DeviceLocation{GroupName{12, false}, "0000:00:02.0"}, OpenOptions{});
    REQUIRE(opened.ok());
    device = *opened;
    space = device->addressSpace();
    REQUIRE(static_cast<bool>(space));
  }
  Status map(uint64_t iova, uint64_t size, Protection protection = Protection::kReadWrite) {
    return space->map(iova, {memoryOf(size), 0, size}, protection);
  }
  std::shared_ptr<DirtyBitmap> bitmap(uint64_t iova, uint64_t size, uint64_t page = kPage) {
    auto made = DirtyBitmap::create(iova, size, page);
    REQUIRE(made.ok());
    return *made;
  }
};

template <typename Outcome>
bool failsWith(const Outcome& outcome, int error, const char* detail = "") {
  return !outcome.ok() && outcome.failure().error == error &&
         outcome.failure().detail.find(detail) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "info comes with its capabilities, however long the chain is") {
  auto info = space->info();
  REQUIRE(info.ok());
  CHECK(info->pageSizes == (kPage | 2 << 20));
  CHECK(info->ranges.size() == 2);
  CHECK(info->mappings == 100);
  CHECK(info->largestDirtyBitmap == 1 << 28);
  for (uint64_t at = 0; at < 500; ++at)
    iommu.ranges.push_back({(1ull << 41) + at * 8192, (1ull << 41) + at * 8192 + 4095});
  CHECK(space->info()->ranges.size() == 502);
}

TEST_CASE_FIXTURE(Fixture, "all devices of a container have the same address space") {
  CHECK((device->addressSpace() == space));
  auto second = openDevice(sys, DeviceLocation{GroupName{12, false}, "0000:00:02.1"}, OpenOptions{});
  REQUIRE(second.ok());
  CHECK(((*second)->addressSpace() == space));
}

TEST_CASE_FIXTURE(Fixture, "a mapping is asked for with its address and its protection") {
  auto memory = memoryOf(4 * kPage);
  REQUIRE(space->map(0x10000, {memory, kPage, 2 * kPage}, Protection::kRead).ok());
  REQUIRE(iommu.mappings.count(0x10000) == 1);
  CHECK(iommu.mappings[0x10000].address == reinterpret_cast<uintptr_t>(memory->data()) + kPage);
  CHECK(iommu.mappings[0x10000].size == 2 * kPage);
  CHECK(iommu.mappings[0x10000].flags == uapi::kVfioDmaMapFlagRead);
  REQUIRE(space->map(0x20000, {memory, 0, kPage}, Protection::kReadWrite).ok());
  CHECK(iommu.mappings[0x20000].flags == (uapi::kVfioDmaMapFlagRead | uapi::kVfioDmaMapFlagWrite));
}

TEST_CASE_FIXTURE(Fixture, "a refused mapping says why, with the limit") {
  REQUIRE(map(0x10000, 2 * kPage).ok());
  CHECK(failsWith(map(0x11000, kPage), EEXIST, "0x10000-0x11fff"));
  CHECK(failsWith(map(0x10800, kPage), EINVAL, "page sizes: 4096, 2097152"));
  CHECK(failsWith(map(0xfee00000, kPage), EINVAL, "0x0-0xfedfffff, 0xfef00000-0xffffffffff"));
  CHECK(failsWith(map(UINT64_MAX - kPage + 1, 2 * kPage), EINVAL, "past the end"));
  iommu.pinnable = kPage;
  CHECK(failsWith(map(0x20000, 2 * kPage), ENOMEM, "65536 bytes"));
  sys.memlockLimit = RLIM_INFINITY;
  CHECK(failsWith(map(0x20000, 2 * kPage), ENOMEM, "unlimited"));
  iommu.available = 0;
  CHECK(failsWith(map(0x20000, kPage), ENOSPC, "dma_entry_limit"));
  sys.fail(uapi::kVfioIommuMapDma, EFAULT);
  CHECK(failsWith(map(0x20000, kPage), EFAULT, "cannot be pinned"));
  CHECK(iommu.mappings.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an interrupted mapping is asked for again") {
  sys.fail(uapi::kVfioIommuMapDma, EINTR);
  CHECK(map(0x10000, kPage).ok());
  CHECK(sys.calls(uapi::kVfioIommuMapDma) == 2);
}

TEST_CASE_FIXTURE(Fixture, "a slice outside its memory never reaches the kernel") {
  auto memory = memoryOf(kPage);
  CHECK_FALSE(space->map(0, {memory, 0, 2 * kPage}, Protection::kRead).ok());
  CHECK_FALSE(space->map(0, {memory, UINT64_MAX, kPage}, Protection::kRead).ok());
  CHECK_FALSE(space->map(0, {nullptr, 0, kPage}, Protection::kRead).ok());
  CHECK(sys.calls(uapi::kVfioIommuMapDma) == 0);
}

TEST_CASE_FIXTURE(Fixture, "memory is held while it is mapped, and no longer") {
  auto memory = memoryOf(kPage);
  const std::weak_ptr<DmaMemory> watch = memory;
  REQUIRE(space->map(0x1000, {std::move(memory), 0, kPage}, Protection::kReadWrite).ok());
  CHECK_FALSE(watch.expired());
  sys.fail(uapi::kVfioIommuUnmapDma, EBUSY);
  CHECK(failsWith(space->unmap(0x1000, kPage, nullptr), EBUSY));
  CHECK_FALSE(watch.expired());
  CHECK(*space->unmap(0x1000, kPage, nullptr) == kPage);
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(Fixture, "memory is let go when the last group leaves the container") {
  auto memory = memoryOf(kPage);
  const std::weak_ptr<DmaMemory> watch = memory;
  REQUIRE(space->map(0x1000, {std::move(memory), 0, kPage}, Protection::kReadWrite).ok());
  bool heldAtClose = false;
  sys.duringClose = [&](const std::string& kind) {
    if (kind == "group") heldAtClose = !watch.expired();
  };
  device.reset();
  CHECK(heldAtClose);
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(Fixture, "unmap refuses to cut, and takes several mappings at once") {
  REQUIRE(map(0x10000, 2 * kPage).ok());
  REQUIRE(map(0x20000, kPage).ok());
  CHECK(failsWith(space->unmap(0x10000, kPage, nullptr), EINVAL, "whole mappings only"));
  CHECK(failsWith(space->unmap(0x10000, 100, nullptr), EINVAL));
  CHECK(failsWith(space->unmap(0x100, 0x200, nullptr), EINVAL, "whole pages of 4096"));
  CHECK(*space->unmap(0x10000, 0x20000, nullptr) == 3 * kPage);
  CHECK(*space->unmap(0x10000, 0x20000, nullptr) == 0);
}

TEST_CASE_FIXTURE(Fixture, "all are unmapped at once where the kernel can, else one by one") {
  sys.extensions.push_back(uapi::kVfioUnmapAll);
  REQUIRE(map(0x10000, kPage).ok());
  REQUIRE(map(0x20000, kPage).ok());
  CHECK(*space->unmapAll() == 2 * kPage);
  REQUIRE(iommu.unmaps.size() == 1);
  CHECK(iommu.unmaps[0].flags == uapi::kVfioDmaUnmapFlagAll);
  CHECK((iommu.unmaps[0].iova | iommu.unmaps[0].size) == 0);
  sys.extensions.pop_back();
  REQUIRE(map(0x10000, kPage).ok());
  REQUIRE(map(0x20000, kPage).ok());
  CHECK(*space->unmapAll() == 2 * kPage);
  CHECK(iommu.unmaps.size() == 3);
  CHECK(iommu.mappings.empty());
}

TEST_CASE_FIXTURE(Fixture, "dirty pages are reported bit by bit and forgotten") {
  REQUIRE(map(0x10000, 8 * kPage).ok());
  auto pages = bitmap(0x10000, 8 * kPage);
  CHECK(failsWith(space->reportDirty(*pages), EINVAL, "started"));
  REQUIRE(space->startDirtyTracking().ok());
  iommu.dirty = {0x11, 0x17};
  REQUIRE(space->reportDirty(*pages).ok());
  CHECK(pages->words()[0] == 0b1000'0010);
  CHECK(iommu.reportArgsz.back() == 48);  // both structs; the bitmap does not count
  iommu.dirty = {0x10};
  REQUIRE(space->reportDirty(*pages).ok());
  CHECK(pages->words()[0] == 0b1000'0011);
  REQUIRE(space->stopDirtyTracking().ok());
  CHECK_FALSE(iommu.tracking);
}

TEST_CASE_FIXTURE(Fixture, "a report is asked for in the kernel's page size, whatever the caller's") {
  REQUIRE(map(0x10000, 8 * kPage).ok());
  REQUIRE(space->startDirtyTracking().ok());
  iommu.dirty = {0x13};
  auto coarse = bitmap(0x10000, 8 * kPage, 4 * kPage);
  REQUIRE(space->reportDirty(*coarse).ok());
  CHECK(coarse->words()[0] == 0b01);
  CHECK(iommu.reports.back().bitmap.pgsize == kPage);
  auto fine = bitmap(0x10000, 8 * kPage, 1024);
  CHECK(failsWith(space->reportDirty(*fine), EINVAL, "smallest"));
}

TEST_CASE_FIXTURE(Fixture, "a report must not cut through a mapping") {
  REQUIRE(map(0x10000, 8 * kPage).ok());
  REQUIRE(space->startDirtyTracking().ok());
  auto half = bitmap(0x10000, 4 * kPage);
  CHECK(failsWith(space->reportDirty(*half), EINVAL, "whole mappings only"));
  CHECK(iommu.reports.empty());
}

TEST_CASE_FIXTURE(Fixture, "mappings far apart are reported piece by piece") {
  REQUIRE(map(0x10000, 2 * kPage).ok());
  REQUIRE(map(0x13000, kPage).ok());
  REQUIRE(map(0xf000000000, kPage).ok());
  REQUIRE(space->startDirtyTracking().ok());
  iommu.dirty = {0x11, 0x13, 0xf000000};
  auto wide = bitmap(0, 0x10000000000, 1 << 20);
  REQUIRE(space->reportDirty(*wide).ok());
  REQUIRE(iommu.reports.size() == 2);
  CHECK(iommu.reports[0].size == 4 * kPage);
  CHECK(wide->dirtyPages() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "a mapping beyond the kernel's largest bitmap fails before anything is forgotten") {
  REQUIRE(map(0x10000, kPage).ok());
  REQUIRE(map(0x40000000, 65 * kPage).ok());
  REQUIRE(space->startDirtyTracking().ok());
  iommu.largestBitmap = 8;
  iommu.dirty = {0x10};
  auto pages = bitmap(0, 0x80000000);
  auto report = space->reportDirty(*pages);
  REQUIRE_FALSE(report.ok());
  CHECK(report.failure().reason == Reason::kUnsupported);
  CHECK(iommu.dirty.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "unmapping hands over the dirty pages") {
  REQUIRE(map(0x10000, 8 * kPage).ok());
  auto pages = bitmap(0x10000, 8 * kPage);
  CHECK(failsWith(space->unmap(0x10000, 8 * kPage, pages.get()), EINVAL, "started"));
  CHECK(iommu.mappings.size() == 1);
  auto nothing = bitmap(0x80000, kPage);
  CHECK(failsWith(space->unmap(0x80000, kPage, nothing.get()), EINVAL, "started"));
  REQUIRE(space->startDirtyTracking().ok());
  CHECK(*space->unmap(0x80000, kPage, nothing.get()) == 0);
  iommu.dirty = {0x12};
  CHECK(*space->unmap(0x10000, 8 * kPage, pages.get()) == 8 * kPage);
  CHECK(pages->words()[0] == 0b100);
  CHECK(iommu.unmaps.back().flags == uapi::kVfioDmaUnmapFlagGetDirtyBitmap);
  CHECK(iommu.unmaps.back().argsz == 48);
  auto other = bitmap(0x20000, 8 * kPage);
  CHECK(space->unmap(0x10000, 8 * kPage, other.get()).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(Fixture, "what a container without dirty tracking answers has a meaning") {
  sys.fail(uapi::kVfioIommuDirtyPages, EACCES);
  CHECK(failsWith(space->startDirtyTracking(), EACCES, "TYPE1v2"));
  sys.fail(uapi::kVfioIommuDirtyPages, ENOTTY);
  CHECK(failsWith(space->startDirtyTracking(), ENOTTY, "no dirty tracking"));
}

TEST_CASE_FIXTURE(Fixture, "an address can be replaced, and the new memory is held instead") {
  auto memory = memoryOf(kPage);
  const std::weak_ptr<DmaMemory> watch = memory;
  REQUIRE(space->map(0x1000, {std::move(memory), 0, kPage}, Protection::kRead).ok());
  auto& type1 = static_cast<Type1&>(*space);
  REQUIRE(type1.invalidateAddresses(0x1000, kPage).ok());
  CHECK(iommu.unmaps.back().flags == uapi::kVfioDmaUnmapFlagVaddr);
  CHECK(failsWith(type1.updateAddress(0x5000, {memoryOf(kPage), 0, kPage}), ENOENT));
  CHECK(failsWith(type1.updateAddress(0x1000, {memoryOf(2 * kPage), 0, 2 * kPage}), EINVAL));
  CHECK_FALSE(watch.expired());
  auto fresh = memoryOf(kPage);
  REQUIRE(type1.updateAddress(0x1000, {fresh, 0, kPage}).ok());
  CHECK(watch.expired());
  CHECK(iommu.mappings[0x1000].address == reinterpret_cast<uintptr_t>(fresh->data()));
}

TEST_CASE_FIXTURE(Fixture, "the kernel does the DMA: nothing is read or written in software") {
  uint8_t byte = 0;
  CHECK(space->read(0, {&byte, 1}).failure().reason == Reason::kUnsupported);
  CHECK(space->write(0, {&byte, 1}).failure().reason == Reason::kUnsupported);
}
