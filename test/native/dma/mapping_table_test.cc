// SPDX-License-Identifier: MIT
#include "core/dma/mapping_table.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<DmaMemory> memoryOf(uint64_t size) {
  auto memory = DmaMemory::allocate(size, {});
  REQUIRE(memory.ok());
  return *memory;
}

struct Fixture {
  std::shared_ptr<DmaMemory> memory = memoryOf(16 * kPage);
  MappingTable table;
  AddressSpaceInfo space;
  Fixture() {
    space.pageSizes = kPage | 2 << 20;
    space.ranges = {{0, 0xffff'ffff}, {0x1'0010'0000, 0x1'ffff'ffff}};
  }
  DmaMapping mapping(uint64_t iova, uint64_t size, uint64_t offset = 0) const {
    return DmaMapping{iova, {memory, offset, size}, Protection::kReadWrite};
  }
  Status check(const DmaMapping& wanted) const { return table.check(wanted, space, "ioctl", "MAP"); }
  int error(uint64_t iova, uint64_t size, uint64_t offset = 0) const {
    Status status = check(mapping(iova, size, offset));
    return status ? 0 : status.failure().error;
  }
};

bool mentions(const Status& status, const char* text) {
  return !status.ok() && status.failure().detail.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a mapping must be whole pages, from page to page") {
  CHECK(error(kPage, kPage) == 0);
  CHECK(error(100, kPage) == EINVAL);
  CHECK(error(kPage, 100) == EINVAL);
  CHECK(error(kPage, kPage, 100) == EINVAL);
  CHECK(error(kPage, 0) == EINVAL);
  CHECK(mentions(check(mapping(100, kPage)), "4096, 2097152"));
}

TEST_CASE_FIXTURE(Fixture, "a mapping must lie in one valid range, and the ranges are named") {
  CHECK(error(0xffff'f000, kPage) == 0);
  CHECK(error(0xffff'f000, 2 * kPage) == EINVAL);
  CHECK(error(0x1'0000'0000, kPage) == EINVAL);
  CHECK(error(0x1'0010'0000, kPage) == 0);
  CHECK(error(0x2'0000'0000, kPage) == EINVAL);
  CHECK(mentions(check(mapping(0x2'0000'0000, kPage)), "0x0-0xffffffff, 0x100100000-0x1ffffffff"));
}

TEST_CASE_FIXTURE(Fixture, "the last page of 64 bits may be mapped, and nothing may wrap") {
  space.ranges = {{0, UINT64_MAX}};
  CHECK(error(UINT64_MAX - kPage + 1, kPage) == 0);
  CHECK(error(UINT64_MAX - kPage + 1, 2 * kPage) == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "overlap says with what") {
  table.add(mapping(4 * kPage, 4 * kPage));
  CHECK(error(0, 4 * kPage) == 0);
  CHECK(error(8 * kPage, kPage) == 0);
  CHECK(error(3 * kPage, 2 * kPage) == EEXIST);
  CHECK(error(7 * kPage, 2 * kPage) == EEXIST);
  CHECK(error(5 * kPage, kPage) == EEXIST);
  CHECK(error(0, 16 * kPage) == EEXIST);
  CHECK(mentions(check(mapping(0, 16 * kPage)), "0x4000-0x7fff"));
}

TEST_CASE_FIXTURE(Fixture, "a slice must lie in its memory") {
  CHECK(check(mapping(0, 17 * kPage)).failure().reason == Reason::kInvalidArgument);
  CHECK(check(mapping(0, kPage, 16 * kPage)).failure().reason == Reason::kInvalidArgument);
  CHECK(check(mapping(0, kPage, UINT64_MAX - kPage + 1)).failure().reason == Reason::kInvalidArgument);
  CHECK(check(DmaMapping{0, {nullptr, 0, kPage}, Protection::kRead}).failure().reason ==
        Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(Fixture, "a stretch must not cut through a mapping") {
  table.add(mapping(4 * kPage, 4 * kPage));
  auto stretch = [&](uint64_t iova, uint64_t size) {
    Status status = table.checkStretch(iova, size, kPage, "ioctl", "UNMAP");
    return status ? 0 : status.failure().error;
  };
  CHECK(stretch(4 * kPage, 4 * kPage) == 0);
  CHECK(stretch(0, 16 * kPage) == 0);
  CHECK(stretch(0, 4 * kPage) == 0);
  CHECK(stretch(4 * kPage, kPage) == EINVAL);
  CHECK(stretch(5 * kPage, 3 * kPage) == EINVAL);
  CHECK(stretch(0, 5 * kPage) == EINVAL);
  CHECK(stretch(5 * kPage, kPage) == EINVAL);
  CHECK(stretch(0, 0) == EINVAL);
  CHECK(stretch(UINT64_MAX - kPage + 1, 2 * kPage) == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "what lies in a stretch is found in order") {
  table.add(mapping(8 * kPage, kPage));
  table.add(mapping(2 * kPage, kPage));
  table.add(mapping(12 * kPage, kPage));
  const auto found = table.within(0, 10 * kPage);
  REQUIRE(found.size() == 2);
  CHECK(found[0].iova == 2 * kPage);
  CHECK(found[1].iova == 8 * kPage);
  CHECK(table.at(2 * kPage + 4095)->iova == 2 * kPage);
  CHECK(table.at(3 * kPage) == nullptr);
}
