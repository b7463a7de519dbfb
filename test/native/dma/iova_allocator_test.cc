// SPDX-License-Identifier: MIT
#include "core/dma/iova_allocator.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <random>

#include "core/dma/address_table.h"

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

std::optional<uint64_t> fit(const std::vector<IovaRange>& valid, const std::vector<IovaRange>& taken,
                            uint64_t size, uint64_t alignment = kPage, uint64_t highest = UINT64_MAX) {
  IovaRequest request;
  request.size = size;
  request.alignment = alignment;
  request.highest = highest;
  return firstFit(valid, taken, request);
}

std::shared_ptr<DmaMemory> memoryOf(uint64_t size) {
  auto memory = DmaMemory::allocate(size, {});
  REQUIRE(memory.ok());
  return *memory;
}

}  // namespace

TEST_CASE("the lowest hole that is large enough is taken") {
  const std::vector<IovaRange> valid{{0, 0xffff}};
  CHECK(fit(valid, {}, kPage) == 0);
  CHECK(fit(valid, {{0, 0xfff}}, kPage) == 0x1000);
  CHECK(fit(valid, {{0, 0xfff}, {0x2000, 0x4fff}}, 0x2000) == 0x5000);
  CHECK(fit(valid, {{0x1000, 0x1fff}}, 0x10000) == std::nullopt);
  CHECK(fit(valid, {}, 0x10000) == 0);
  CHECK(fit(valid, {}, 0x11000) == std::nullopt);
  CHECK(fit(valid, {}, 0) == std::nullopt);
}

TEST_CASE("a stretch lies in one valid range") {
  const std::vector<IovaRange> valid{{0, 0x1fff}, {0x4000, 0x8fff}};
  CHECK(fit(valid, {}, 0x3000) == 0x4000);
  CHECK(fit(valid, {{0x1000, 0x4fff}}, 0x2000) == 0x5000);
  CHECK(fit({}, {}, kPage) == std::nullopt);
}

TEST_CASE("alignment and the highest address are kept") {
  const std::vector<IovaRange> valid{{0x1000, UINT64_MAX}};
  CHECK(fit(valid, {}, kPage, 0x200000) == 0x200000);
  CHECK(fit(valid, {{0x200000, 0x200fff}}, kPage, 0x200000) == 0x400000);
  CHECK(fit(valid, {}, 0x1000, kPage, 0x1fff) == 0x1000);
  CHECK(fit(valid, {}, 0x1001, kPage, 0x1fff) == std::nullopt);
}

TEST_CASE("the end of 64 bits is no way round") {
  const std::vector<IovaRange> valid{{UINT64_MAX - 0x1fff, UINT64_MAX}};
  CHECK(fit(valid, {}, 0x2000) == UINT64_MAX - 0x1fff);
  CHECK(fit(valid, {{UINT64_MAX - 0x1fff, UINT64_MAX - 0x1000}}, 0x1000) == UINT64_MAX - 0xfff);
  CHECK(fit(valid, {{UINT64_MAX - 0xfff, UINT64_MAX}}, 0x2000) == std::nullopt);
  CHECK(fit(valid, {}, 0x1000, 0x10000) == std::nullopt);
  CHECK(fit({{0, UINT64_MAX}}, {{0, UINT64_MAX}}, kPage) == std::nullopt);
}

TEST_CASE("against a model: the first page at which the naive search succeeds") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<bool> busy(64), usable(64);
    for (size_t page = 0; page < 64; ++page) {
      busy[page] = random() % 5 == 0;
      usable[page] = random() % 8 != 0;
    }
    const uint64_t pages = 1 + random() % 5;
    const uint64_t alignment = uint64_t{1} << random() % 3;
    auto runs = [](const std::vector<bool>& bits) {
      std::vector<IovaRange> found;
      for (uint64_t page = 0; page < 64; ++page) {
        if (!bits[page]) continue;
        if (!found.empty() && found.back().last + 1 == page * kPage) {
          found.back().last += kPage;
        } else {
          found.push_back({page * kPage, page * kPage + kPage - 1});
        }
      }
      return found;
    };
    std::optional<uint64_t> expected;
    for (uint64_t at = 0; at + pages <= 64 && !expected; at += alignment) {
      bool free = true;
      for (uint64_t page = at; page < at + pages; ++page) free = free && usable[page] && !busy[page];
      if (free) expected = at * kPage;
    }
    CHECK(fit(runs(usable), runs(busy), pages * kPage, alignment * kPage) == expected);
  }
}

TEST_CASE("memory is mapped where nothing is, never at the first addresses") {
  AddressTable table;
  auto memory = memoryOf(2 * kPage);
  auto first = mapAnywhere(table, {memory, 0, 2 * kPage}, Protection::kReadWrite);
  REQUIRE(first.ok());
  CHECK(*first == 0x10000);
  REQUIRE(table.map(0x13000, {memory, 0, kPage}, Protection::kReadWrite).ok());
  CHECK(*mapAnywhere(table, {memory, 0, kPage}, Protection::kReadWrite) == 0x12000);
  CHECK(*mapAnywhere(table, {memory, 0, kPage}, Protection::kReadWrite) == 0x14000);
  REQUIRE(table.unmap(0x10000, 2 * kPage, nullptr).ok());
  CHECK(*mapAnywhere(table, {memory, 0, kPage}, Protection::kReadWrite) == 0x10000);
}

TEST_CASE("no room is ENOSPC, and what the space refuses is its own failure") {
  AddressTable table({~uint64_t{4095}, {{0, 0x1ffff}}, 65535});
  auto memory = memoryOf(32 * kPage);
  CHECK(mapAnywhere(table, {memory, 0, 17 * kPage}, Protection::kRead).failure().error == ENOSPC);
  CHECK(mapAnywhere(table, {memory, 0, kPage}, Protection::kRead, 0xffff).failure().error == ENOSPC);
  CHECK(mapAnywhere(table, {memory, 0, 100}, Protection::kRead).failure().error == EINVAL);
  CHECK(mapAnywhere(table, {nullptr, 0, kPage}, Protection::kRead).failure().reason ==
        Reason::kInvalidArgument);
  CHECK(mapAnywhere(table, {memory, 0, 16 * kPage}, Protection::kRead).ok());
}
