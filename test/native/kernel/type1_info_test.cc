// SPDX-License-Identifier: MIT
#include "core/kernel/type1_info.h"

#include <doctest/doctest.h>

#include "support/scripted_type1.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::ScriptedType1;

namespace {

using Chain = std::vector<uint8_t>;

std::vector<uint8_t> answer(const Chain& chain, uint64_t pageSizes = 4096) {
  uapi::VfioIommuType1Info head{};
  head.argsz = static_cast<uint32_t>(sizeof(head) + chain.size());
  head.flags = uapi::kVfioIommuInfoPgsizes;
  head.iova_pgsizes = pageSizes;
  if (!chain.empty()) {
    head.flags |= uapi::kVfioIommuInfoCaps;
    head.cap_offset = sizeof(head);
  }
  std::vector<uint8_t> bytes(head.argsz);
  std::memcpy(bytes.data(), &head, sizeof(head));
  if (!chain.empty()) std::memcpy(bytes.data() + sizeof(head), chain.data(), chain.size());
  return bytes;
}

Result<AddressSpaceInfo> parse(const std::vector<uint8_t>& bytes) {
  return parseType1Info(ConstBytes(bytes.data(), bytes.size()));
}

Chain rangeChain(const std::vector<uapi::VfioIovaRange>& ranges, uint32_t claimed) {
  Chain chain;
  uapi::VfioIommuType1InfoCapIovaRange iovas{};
  iovas.nr_iovas = claimed;
  ScriptedType1::append(chain, iovas, uapi::kVfioIommuType1InfoCapIovaRange, ranges);
  return chain;
}

bool malformed(const std::vector<uint8_t>& bytes) {
  auto info = parse(bytes);
  return !info.ok() && info.failure().reason == Reason::kMalformed;
}

}  // namespace

TEST_CASE("without capabilities every address is valid and nothing is tracked") {
  auto info = parse(answer({}));
  REQUIRE(info.ok());
  REQUIRE(info->ranges.size() == 1);
  CHECK(info->ranges[0].contains(UINT64_MAX, 1));
  CHECK(info->dirtyPageSizes == 0);
  CHECK_FALSE(info->mappings.has_value());
}

TEST_CASE("all three capabilities are read, an unknown one is passed over") {
  Chain chain = rangeChain({{0x1000, 0x1fff}, {0, 0xfff}}, 2);
  uapi::VfioIommuType1InfoDmaAvail avail{};
  avail.avail = 7;
  ScriptedType1::append(chain, avail, 77);
  ScriptedType1::append(chain, avail, uapi::kVfioIommuType1InfoDmaAvail);
  uapi::VfioIommuType1InfoCapMigration migration{};
  migration.pgsize_bitmap = 4096;
  migration.max_dirty_bitmap_size = 1 << 28;
  ScriptedType1::append(chain, migration, uapi::kVfioIommuType1InfoCapMigration);
  auto info = parse(answer(chain));
  REQUIRE(info.ok());
  REQUIRE(info->ranges.size() == 2);
  CHECK(info->ranges[0].first == 0);  // sorted
  CHECK(info->mappings == 7);
  CHECK(info->dirtyPageSizes == 4096);
  CHECK(info->largestDirtyBitmap == 1 << 28);
}

TEST_CASE("impossible answers are refused") {
  CHECK(malformed(std::vector<uint8_t>(8)));
  CHECK(malformed(answer({}, 0)));
  CHECK(malformed(answer(rangeChain({{0, 1}}, 2))));
  CHECK(malformed(answer(rangeChain({{0, 1}}, UINT32_MAX))));
  CHECK(malformed(answer(rangeChain({{5, 4}}, 1))));
  CHECK(malformed(answer(rangeChain({{0, 10}, {10, 20}}, 2))));
  Chain twice;
  uapi::VfioIommuType1InfoDmaAvail avail{};
  ScriptedType1::append(twice, avail, uapi::kVfioIommuType1InfoDmaAvail);
  ScriptedType1::append(twice, avail, uapi::kVfioIommuType1InfoDmaAvail);
  CHECK(malformed(answer(twice)));
  Chain loop = rangeChain({{0, 10}}, 1);
  const uint32_t itself = sizeof(uapi::VfioIommuType1Info);
  std::memcpy(loop.data() + 4, &itself, sizeof(itself));
  CHECK(malformed(answer(loop)));
  Chain cut(8);
  cut[0] = uapi::kVfioIommuType1InfoCapMigration;
  CHECK(malformed(answer(cut)));
}
