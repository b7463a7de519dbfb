// SPDX-License-Identifier: MIT
#include "core/integrity/crc32.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace {

// Bit by bit, straight from the definition: what every method is measured against.
uint32_t reference(uint32_t seed, vfm::ConstBytes bytes) {
  uint32_t value = ~seed;
  for (size_t i = 0; i < bytes.size; ++i) {
    value ^= bytes.data[i];
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~value;
}

vfm::ConstBytes text(const char* words) {
  return {reinterpret_cast<const uint8_t*>(words), std::char_traits<char>::length(words)};
}

}  // namespace

TEST_CASE("crc32 gives the published check values") {
  CHECK(vfm::crc32(0, text("123456789")) == 0xCBF43926);
  CHECK(vfm::crc32(0, text("")) == 0);
  CHECK(vfm::crc32(0, text("The quick brown fox jumps over the lazy dog")) == 0x414FA339);
}

TEST_CASE("every crc32 method agrees with the bitwise reference, at any size, alignment and seed") {
  std::mt19937_64 random(20240611);
  std::vector<uint8_t> memory(8192 + 64);
  for (uint8_t& byte : memory) byte = static_cast<uint8_t>(random());
  const vfm::Crc32Methods& methods = vfm::crc32Methods();
  REQUIRE(methods.count > 0);
  REQUIRE(methods.method[methods.count - 1].available);
  for (int m = 0; m < methods.count; ++m) {
    const vfm::Crc32Method& method = methods.method[m];
    if (!method.available) {
      MESSAGE("not on this processor: " << method.name);
      continue;
    }
    CAPTURE(method.name);
    for (size_t size = 0; size <= 700; ++size) {  // every border of 16, 32, 64 and 256
      const vfm::ConstBytes bytes{memory.data() + size % 33, size};
      REQUIRE(method.run(0, bytes) == reference(0, bytes));
    }
    for (int round = 0; round < 400; ++round) {
      const size_t offset = random() % 64;
      const size_t size = random() % 8192;
      const auto seed = static_cast<uint32_t>(random());
      CAPTURE(offset);
      CAPTURE(size);
      const vfm::ConstBytes bytes{memory.data() + offset, size};
      REQUIRE(method.run(seed, bytes) == reference(seed, bytes));
    }
  }
}

TEST_CASE("crc32 continues from its own result") {
  std::mt19937_64 random(7);
  std::vector<uint8_t> memory(5000);
  for (uint8_t& byte : memory) byte = static_cast<uint8_t>(random());
  const vfm::ConstBytes all{memory.data(), memory.size()};
  const uint32_t whole = vfm::crc32(0, all);
  for (int round = 0; round < 200; ++round) {
    const size_t cut = random() % (all.size + 1);
    REQUIRE(vfm::crc32(vfm::crc32(0, all.first(cut)), all.from(cut)) == whole);
  }
}
