// SPDX-License-Identifier: MIT
#include "core/kernel/capability_chain.h"

#include <doctest/doctest.h>

#include <random>

#include "support/region_answer.h"
#include "uapi/region.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::RegionAnswer;

namespace {

constexpr size_t kPage = 4096;

Result<RegionInfo> parse(const RegionAnswer& answer, size_t page = kPage) {
  const auto bytes = answer.bytes();
  return parseRegionInfo(ConstBytes(bytes.data(), bytes.size()), 9, page);
}

void checkMalformed(const Result<RegionInfo>& region, const std::string& detail) {
  REQUIRE_FALSE(region.ok());
  CHECK(region.failure().reason == Reason::kMalformed);
  CHECK_MESSAGE(region.failure().detail.find(detail) != std::string::npos, region.failure().detail);
}

}  // namespace

TEST_CASE("a region without capabilities is mappable whole, or not at all") {
  auto whole = parse(RegionAnswer(9, 3 * kPage).mappable());
  REQUIRE(whole.ok());
  REQUIRE(whole->mappable.size() == 1);
  CHECK(whole->mappable[0].offset == 0);
  CHECK(whole->mappable[0].size == 3 * kPage);
  CHECK_FALSE(whole->type.has_value());

  auto none = parse(RegionAnswer(9, 3 * kPage));
  REQUIRE(none.ok());
  CHECK(none->mappable.empty());

  auto empty = parse(RegionAnswer(9, 0).mappable());
  REQUIRE(empty.ok());
  CHECK(empty->mappable.empty());
}

TEST_CASE("sparse areas come sorted, trimmed to whole pages, without the empty ones") {
  auto region =
      parse(RegionAnswer(9, 10 * kPage)
                .mappable()
                .sparse({{6 * kPage, kPage}, {kPage, kPage}, {3 * kPage, 0}, {2 * kPage + 16, 2 * kPage}}));
  REQUIRE(region.ok());
  REQUIRE(region->mappable.size() == 3);
  CHECK(region->mappable[0].offset == kPage);
  CHECK(region->mappable[1].offset == 3 * kPage);
  CHECK(region->mappable[1].end() == 4 * kPage + 16);
  CHECK(region->mappable[2].offset == 6 * kPage);

  // 64 KiB pages: an area of 4 KiB somewhere in the middle of one cannot be mapped.
  auto large =
      parse(RegionAnswer(9, 64 * kPage).mappable().sparse({{kPage, kPage}, {16 * kPage, kPage}}), 65536);
  REQUIRE(large.ok());
  REQUIRE(large->mappable.size() == 1);
  CHECK(large->mappable[0].offset == 16 * kPage);

  auto noArea = parse(RegionAnswer(9, 10 * kPage).mappable().sparse({}));
  REQUIRE(noArea.ok());
  CHECK(noArea->mappable.empty());

  auto flagless = parse(RegionAnswer(9, 10 * kPage).sparse({{kPage, kPage}}));
  REQUIRE(flagless.ok());
  CHECK(flagless->mappable.empty());
}

TEST_CASE("type, msix-mappable and unknown capabilities are listed in chain order") {
  auto region = parse(RegionAnswer(9, kPage).raw(3, {}).type(3, 1).raw(777, {1, 2, 3, 4}));
  REQUIRE(region.ok());
  CHECK(region->capabilities == std::vector<uint16_t>{3, 2, 777});
  REQUIRE(region->type.has_value());
  CHECK(region->type->type == 3);
  CHECK(region->type->subtype == 1);
}

TEST_CASE("areas that leave the region or overlap are refused") {
  checkMalformed(parse(RegionAnswer(9, 4 * kPage).mappable().sparse({{3 * kPage, 2 * kPage}})),
                 "outside the region");
  checkMalformed(parse(RegionAnswer(9, 4 * kPage).mappable().sparse({{kPage, ~uint64_t{0}}})),
                 "outside the region");
  checkMalformed(parse(RegionAnswer(9, 4 * kPage).mappable().sparse({{~uint64_t{0} - 4095, kPage}})),
                 "outside the region");
  checkMalformed(
      parse(RegionAnswer(9, 8 * kPage).mappable().sparse({{2 * kPage, kPage}, {kPage, kPage + 1}})),
      "overlap");
  checkMalformed(parse(RegionAnswer(9, 8 * kPage).mappable().sparse({{kPage, kPage}, {kPage, kPage}})),
                 "overlap");
}

TEST_CASE("a region that no file offset reaches is refused") {
  RegionAnswer tooLarge(9, uint64_t{1} << 63);
  checkMalformed(parse(tooLarge), "beyond any file offset");
  RegionAnswer tooFar(9, kPage);
  tooFar.fixed.offset = (uint64_t{1} << 63) - kPage;
  checkMalformed(parse(tooFar), "beyond any file offset");
  tooFar.fixed.offset -= 1;
  CHECK(parse(tooFar).ok());
}

TEST_CASE("an answer that is short or for another region is refused") {
  RegionAnswer answer(8, kPage);
  checkMalformed(parse(answer), "answered for 8");
  const uint8_t few[31] = {};
  CHECK_FALSE(parseRegionInfo(ConstBytes(few, sizeof(few)), 0, kPage).ok());
}

TEST_CASE("a broken chain is refused") {
  SUBCASE("a loop to itself") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1);
    answer.setNext(0, 32);
    checkMalformed(parse(answer), "a loop");
  }
  SUBCASE("a loop through two") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1).raw(50, {});
    answer.setNext(1, 32);
    checkMalformed(parse(answer), "a loop");
  }
  SUBCASE("into the struct") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1);
    answer.fixed.cap_offset = 16;
    checkMalformed(parse(answer), "inside the struct");
  }
  SUBCASE("beyond the answer") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1);
    answer.setNext(0, 4096);
    checkMalformed(parse(answer), "does not fit");
    answer.setNext(0, 0xfffffffc);
    checkMalformed(parse(answer), "does not fit");
  }
  SUBCASE("a header cut off") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1);
    answer.setNext(0, 44);
    checkMalformed(parse(answer), "does not fit");
  }
  SUBCASE("misaligned") {
    RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1).raw(50, {0, 0, 0, 0, 0, 0, 0, 0});
    answer.setNext(0, 50);
    checkMalformed(parse(answer), "misaligned");
  }
  SUBCASE("more areas than room") {
    RegionAnswer answer = RegionAnswer(9, kPage).mappable().sparse({{0, kPage}});
    answer.setWord(32 + 8, 2);
    checkMalformed(parse(answer), "room for 1");
    answer.setWord(32 + 8, 0xffffffff);
    checkMalformed(parse(answer), "room for 1");
  }
  SUBCASE("a capability cut off") {
    checkMalformed(parse(RegionAnswer(9, kPage).raw(uapi::kVfioRegionInfoCapType, {3, 0, 0, 0})),
                   "type capability");
    checkMalformed(parse(RegionAnswer(9, kPage).raw(uapi::kVfioRegionInfoCapSparseMmap, {})), "cut off");
  }
  SUBCASE("twice the same") {
    checkMalformed(parse(RegionAnswer(9, kPage).type(3, 1).type(3, 1)), "two type");
    checkMalformed(parse(RegionAnswer(9, kPage).sparse({}).sparse({})), "two sparse");
  }
}

TEST_CASE("an offset without the flag is no chain") {
  RegionAnswer answer = RegionAnswer(9, kPage).type(3, 1);
  answer.fixed.flags &= ~uapi::kVfioRegionInfoFlagCaps;
  auto region = parse(answer);
  REQUIRE(region.ok());
  CHECK(region->capabilities.empty());
}

// Whatever the bytes: no access out of bounds (the sanitizers' part), and what is believed holds what info.h
// promises.
TEST_CASE("random damage never yields an area outside its region") {
  std::mt19937 random(20240601);
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    RegionAnswer answer = RegionAnswer(9, 64 * kPage)
                              .mappable()
                              .type(3, 1)
                              .sparse({{kPage, kPage}, {4 * kPage, 8 * kPage}, {20 * kPage, kPage}});
    auto bytes = answer.bytes();
    for (unsigned damage = random() % 4; damage > 0; --damage) {
      // Small values hit offsets and counts, 0xff the overflows.
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 3 == 0 ? 0xff : random() % 64);
    }
    bytes.resize(random() % 5 == 0 ? random() % bytes.size() : bytes.size());
    auto region = parseRegionInfo(ConstBytes(bytes.data(), bytes.size()), 9, kPage);
    if (!region) continue;
    ++accepted;
    uint64_t end = 0;
    for (const Area& area : region->mappable) {
      REQUIRE(area.size > 0);
      REQUIRE(area.offset % kPage == 0);
      REQUIRE(area.offset >= end);
      REQUIRE(area.size <= region->size);
      REQUIRE(area.offset <= region->size - area.size);
      end = area.end();
    }
  }
  CHECK(accepted > 1000);
  CHECK(accepted < 20000);
}
