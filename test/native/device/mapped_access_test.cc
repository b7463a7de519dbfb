// SPDX-License-Identifier: MIT
#include "core/device/mapped_access.h"

#include <doctest/doctest.h>

#include <cstring>

using namespace vfm;

namespace {

class OwnMemory final : public Mapping {
 public:
  explicit OwnMemory(size_t size) : Mapping(reinterpret_cast<uint8_t*>(words_), size) {}

 private:
  uint64_t words_[4] = {};
};

}  // namespace

TEST_CASE("a register of each width is read and written, and nothing beside it") {
  OwnMemory memory(32);
  for (const uint32_t width : {1u, 2u, 4u, 8u}) {
    std::memset(memory.data(), 0xaa, memory.size());
    const uint64_t value = 0x1122334455667788ull;
    REQUIRE(storeMapped(memory, 16, width, value).ok());
    CHECK(*loadMapped(memory, 16, width) ==
          (width == 8 ? value : value & ((uint64_t{1} << (8 * width)) - 1)));
    for (size_t i = 0; i < memory.size(); ++i) {
      if (i < 16 || i >= 16 + width) CHECK(memory.data()[i] == 0xaa);
    }
  }
}

TEST_CASE("memory that its owner can take away is not touched") {
  struct Elsewhere final : Mapping {
    Elsewhere() : Mapping(nullptr, 4096) {}
  } elsewhere;
  CHECK(loadMapped(elsewhere, 0, 4).failure().reason == Reason::kUnsupported);
  CHECK(storeMapped(elsewhere, 0, 4, 0).failure().reason == Reason::kUnsupported);
}

TEST_CASE("what is no register of the mapping is refused and left alone") {
  OwnMemory memory(30);
  std::memset(memory.data(), 0xaa, memory.size());
  const auto refused = [&](uint64_t offset, uint32_t width) {
    CHECK(loadMapped(memory, offset, width).failure().reason == Reason::kInvalidArgument);
    CHECK(storeMapped(memory, offset, width, 0).failure().reason == Reason::kInvalidArgument);
  };
  SUBCASE("widths there are not") {
    for (const uint32_t width : {0u, 3u, 5u, 16u, ~0u}) refused(0, width);
  }
  SUBCASE("between two registers") {
    refused(1, 2);
    refused(2, 4);
    refused(4, 8);
  }
  SUBCASE("outside") {
    refused(28, 4);
    refused(24, 8);
    refused(30, 1);
    refused(~uint64_t{0}, 1);
    refused(~uint64_t{0} - 7, 8);
  }
  for (size_t i = 0; i < memory.size(); ++i) CHECK(memory.data()[i] == 0xaa);
}
