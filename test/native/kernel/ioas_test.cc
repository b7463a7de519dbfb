// SPDX-License-Identifier: MIT
#include "core/kernel/ioas.h"

#include <doctest/doctest.h>

#include "support/iommufd_fixture.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::IommufdFixture;

namespace {

bool mentions(const Failure& failure, const char* what) {
  return failure.detail.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(IommufdFixture, "an address space goes with its last share, before its iommufd") {
  auto made = space();
  CHECK(kernel.spaces.count(made->id()) == 1);
  iommufd.reset();
  CHECK(sys.openFiles() == 1);
  made.reset();
  CHECK(kernel.spaces.empty());
  CHECK(sys.openFiles() == 0);
}

TEST_CASE_FIXTURE(IommufdFixture, "an address space that cannot be made") {
  sys.fail(uapi::kIommuIoasAlloc, ENOMEM);
  CHECK(Ioas::allocate(iommufd, {}).failure().error == ENOMEM);
}

TEST_CASE_FIXTURE(IommufdFixture, "ranges and page sizes, asked again with room when there are more") {
  auto info = space()->info();
  REQUIRE(info.ok());
  CHECK(info->ranges.size() == 2);
  CHECK(info->ranges[1].first == 0xfef00000);
  CHECK(info->pageSizes == ~uint64_t{4095});
  CHECK(info->dirtyPageSizes == 0);
  CHECK(space(true)->info()->dirtyPageSizes == ~uint64_t{4095});

  kernel.ranges.clear();
  for (uint64_t i = 0; i < 100; ++i) kernel.ranges.push_back({i << 20, (i << 20) + 4095});
  info = space()->info();
  REQUIRE(info.ok());
  CHECK(info->ranges.size() == 100);
}

TEST_CASE_FIXTURE(IommufdFixture, "an alignment below a page is that of an address space without devices") {
  kernel.alignment = 1;
  CHECK(space()->info()->pageSizes == ~uint64_t{4095});
  kernel.alignment = 65536;
  CHECK(space()->info()->pageSizes == ~uint64_t{65535});
}

TEST_CASE_FIXTURE(IommufdFixture, "ranges that make no sense are not believed") {
  auto made = space();
  SUBCASE("upside down") { kernel.ranges = {{4096, 4095}}; }
  SUBCASE("overlapping") { kernel.ranges = {{0, 8191}, {4096, 12287}}; }
  SUBCASE("more than there was room for, without an error") { kernel.lyingRangeCount = 1000; }
  SUBCASE("too many to be true") {
    kernel.ranges.resize(100);
    kernel.lyingRangeCount = 0xffffffff;
  }
  SUBCASE("no more than there was room for, with one") {
    kernel.ranges.resize(100);
    kernel.lyingRangeCount = 3;
  }
  SUBCASE("no alignment") { kernel.alignment = 0; }
  SUBCASE("an alignment that is no power of two") { kernel.alignment = 4097; }
  CHECK(made->info().failure().reason == Reason::kMalformed);
}

TEST_CASE_FIXTURE(IommufdFixture, "memory is mapped where it is wanted, and held until it is unmapped") {
  auto made = space();
  std::weak_ptr<DmaMemory> held = memory;
  REQUIRE(made->map(0x10000, slice(2, 1), Protection::kRead).ok());
  CHECK(kernel.lastFlags == (uapi::kIommuIoasMapFixedIova | uapi::kIommuIoasMapReadable));
  memory.reset();
  CHECK_FALSE(held.expired());
  auto bytes = made->unmap(0x10000, 2 * kPage, nullptr);
  REQUIRE(bytes.ok());
  CHECK(*bytes == 2 * kPage);
  CHECK(held.expired());
}

TEST_CASE_FIXTURE(IommufdFixture, "memory is mapped where the kernel likes") {
  auto made = space();
  auto iova = made->mapAnywhere(slice(1), Protection::kReadWrite);
  REQUIRE(iova.ok());
  CHECK(*iova == kernel.chosenIova);
  CHECK(kernel.lastFlags == (uapi::kIommuIoasMapReadable | uapi::kIommuIoasMapWriteable));
  kernel.chosenIova = ~uint64_t{0} - 100;
  CHECK(made->mapAnywhere(slice(1), Protection::kRead).failure().reason == Reason::kMalformed);
  sys.fail(uapi::kIommuIoasMap, ENOSPC);
  CHECK(made->mapAnywhere(slice(1), Protection::kRead).failure().error == ENOSPC);
}

TEST_CASE_FIXTURE(IommufdFixture, "a mapping that is refused says which limit it met") {
  auto made = space();
  REQUIRE(made->map(0x10000, slice(2), Protection::kReadWrite).ok());
  auto overlapping = made->map(0x11000, slice(1), Protection::kReadWrite);
  CHECK(overlapping.failure().error == EEXIST);
  CHECK(mentions(overlapping.failure(), "0x10000"));
  auto outside = made->map(0xfee00000, slice(1), Protection::kReadWrite);
  CHECK(outside.failure().error == EINVAL);
  CHECK(mentions(outside.failure(), "0xfedfffff"));
  CHECK(made->map(0x10800, slice(1), Protection::kReadWrite).failure().error == EINVAL);
  sys.fail(uapi::kIommuIoasMap, ENOMEM);
  CHECK(mentions(made->map(0, slice(1), Protection::kReadWrite).failure(), "RLIMIT_MEMLOCK"));
  CHECK(made->map(0, DmaSlice{memory, 60 * kPage, 5 * kPage}, Protection::kRead).failure().reason ==
        Reason::kInvalidArgument);
  CHECK(kernel.mappings.size() == 1);
}

TEST_CASE_FIXTURE(IommufdFixture, "unmapping takes whole mappings, nothing is no failure, a cut is one") {
  auto made = space();
  REQUIRE(made->map(0x10000, slice(2), Protection::kReadWrite).ok());
  REQUIRE(made->map(0x20000, slice(1), Protection::kReadWrite).ok());
  CHECK(*made->unmap(0x30000, kPage, nullptr) == 0);
  auto cut = made->unmap(0x10000, kPage, nullptr);
  CHECK(cut.failure().error == EINVAL);
  CHECK(mentions(cut.failure(), "0x10000"));
  CHECK_FALSE(made->unmap(0x10000, 0, nullptr).ok());
  CHECK_FALSE(made->unmap(~uint64_t{0} - 4095, 2 * kPage, nullptr).ok());
  sys.fail(uapi::kIommuIoasUnmap, EDEADLK);
  CHECK(made->unmap(0x10000, 0x20000, nullptr).failure().error == EDEADLK);
  CHECK(*made->unmap(0x10000, 0x20000, nullptr) == 3 * kPage);
}

TEST_CASE_FIXTURE(IommufdFixture, "everything is unmapped at once, also when that is nothing") {
  auto made = space();
  CHECK(*made->unmapAll() == 0);
  REQUIRE(made->map(0x10000, slice(2), Protection::kReadWrite).ok());
  std::weak_ptr<DmaMemory> held = memory;
  memory.reset();
  CHECK(*made->unmapAll() == 2 * kPage);
  CHECK(held.expired());
  sys.fail(uapi::kIommuIoasUnmap, EBUSY);
  CHECK(made->unmapAll().failure().error == EBUSY);
}

TEST_CASE_FIXTURE(IommufdFixture, "a copy holds the memory of each mapping it crosses") {
  auto from = space();
  auto to = space();
  std::weak_ptr<DmaMemory> held = memory;
  REQUIRE(from->map(0x10000, slice(2), Protection::kReadWrite).ok());
  REQUIRE(from->map(0x12000, slice(2, 2), Protection::kReadWrite).ok());
  auto iova = to->copy(from, 0x11000, 2 * kPage, 0x50000, Protection::kReadWrite);
  REQUIRE(iova.ok());
  CHECK(*iova == 0x50000);
  memory.reset();
  from.reset();
  CHECK_FALSE(held.expired());
  CHECK(to->unmap(0x50000, kPage, nullptr).ok());  // the first of the two
  CHECK_FALSE(held.expired());
  CHECK(to->unmapAll().ok());
  CHECK(held.expired());
}

TEST_CASE_FIXTURE(IommufdFixture, "a copy within one address space, and copies that are refused") {
  auto made = space();
  REQUIRE(made->map(0x10000, slice(2), Protection::kReadWrite).ok());
  CHECK(*made->copy(made, 0x10000, kPage, std::nullopt, Protection::kRead) == kernel.chosenIova);
  sys.fail(uapi::kIommuIoasCopy, ENOENT);
  auto hole = made->copy(made, 0x30000, kPage, 0x60000, Protection::kRead);
  CHECK(hole.failure().error == ENOENT);
  CHECK(mentions(hole.failure(), "not all of it is mapped"));
  CHECK(made->copy(made, 0x10000, 0, 0x60000, Protection::kRead).failure().reason ==
        Reason::kInvalidArgument);
  auto other = Ioas::allocate(std::move(Iommufd::open(sys)).value(), {});
  CHECK(made->copy(*other, 0x10000, kPage, 0x60000, Protection::kRead).failure().reason ==
        Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(IommufdFixture,
                  "what else an IOAS has: allowed addresses, huge pages, no access by software") {
  auto made = space();
  CHECK(made->allowIovas({IovaRange{0, 0xffff}, IovaRange{0x20000, 0x2ffff}}).ok());
  CHECK(kernel.allowed == 2);
  sys.fail(uapi::kIommuIoasAllowIovas, EADDRINUSE);
  CHECK(mentions(made->allowIovas({}).failure(), "reserves some of it"));
  CHECK(*made->hugePages());
  CHECK(made->setHugePages(false).ok());
  CHECK_FALSE(*made->hugePages());
  sys.fail(uapi::kIommuOption, EINVAL);
  CHECK(made->setHugePages(true).failure().error == EINVAL);
  uint8_t byte = 0;
  CHECK(made->read(0, Bytes{&byte, 1}).failure().reason == Reason::kUnsupported);
  CHECK(made->write(0, ConstBytes{&byte, 1}).failure().reason == Reason::kUnsupported);
}
