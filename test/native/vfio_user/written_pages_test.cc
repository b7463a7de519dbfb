// SPDX-License-Identifier: MIT
#include "core/vfio_user/written_pages.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace vfm;
using vfio_user::WrittenPages;

namespace {

uint64_t report(WrittenPages& pages, uint64_t iova, uint64_t length) {
  auto bitmap = DirtyBitmap::create(iova, length, 4096);
  REQUIRE(bitmap.ok());
  pages.take(**bitmap);
  return (*bitmap)->words()[0];
}

}  // namespace

TEST_CASE("written pages: stretches that touch become one, and a report takes only its own part out") {
  WrittenPages pages;
  pages.mark(0x1000, 1);
  pages.mark(0x3000, 4096);
  pages.mark(0x2fff, 2);  // both 0x2000 and 0x3000
  pages.mark(0x8fff, 1);
  CHECK(report(pages, 0x2000, 0x1000) == 1);
  CHECK(report(pages, 0, 0x10000) == 0b100001010);
  CHECK(report(pages, 0, 0x10000) == 0);
}

TEST_CASE("written pages: the last page of the address space is one like any other") {
  WrittenPages pages;
  pages.mark(UINT64_MAX, 1);
  pages.mark(UINT64_MAX - 8191, 8192);
  CHECK(report(pages, UINT64_MAX - 16383, 16384) == 0b1100);
}

TEST_CASE("written pages: agree with a plain array over any order of writes and reports") {
  std::mt19937_64 random(20);
  WrittenPages pages;
  std::vector<bool> plain(64);
  for (int step = 0; step < 20000; ++step) {
    const uint64_t from = random() % 64;
    const uint64_t count = 1 + random() % (64 - from);
    if (random() % 3 != 0) {
      const uint64_t short_ = std::min<uint64_t>(count, 4);
      pages.mark(from * 4096, short_ * 4096);
      for (uint64_t i = 0; i < short_; ++i) plain[from + i] = true;
      continue;
    }
    uint64_t expected = 0;
    for (uint64_t i = 0; i < count; ++i) {
      if (plain[from + i]) expected |= 1ull << i;
      plain[from + i] = false;
    }
    REQUIRE(report(pages, from * 4096, count * 4096) == expected);
  }
}

TEST_CASE("written pages: beyond so many stretches everything between counts, and the memory stays bounded") {
  WrittenPages pages;
  for (uint64_t i = 0; i <= WrittenPages::kMostStretches; ++i) pages.mark(i * 8192, 1);
  CHECK(report(pages, 4096, 4096) == 1);
}
