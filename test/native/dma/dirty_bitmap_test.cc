// SPDX-License-Identifier: MIT
#include "core/dma/dirty_bitmap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<DirtyBitmap> bitmapOf(uint64_t iova, uint64_t length, uint64_t page = kPage) {
  auto bitmap = DirtyBitmap::create(iova, length, page);
  REQUIRE(bitmap.ok());
  return *bitmap;
}

}  // namespace

TEST_CASE("a bitmap is over whole pages of a power of two, within 64 bits") {
  CHECK_FALSE(DirtyBitmap::create(0, kPage, 0).ok());
  CHECK_FALSE(DirtyBitmap::create(0, 3 * kPage, 3 * kPage).ok());
  CHECK_FALSE(DirtyBitmap::create(1, kPage, kPage).ok());
  CHECK_FALSE(DirtyBitmap::create(0, kPage + 1, kPage).ok());
  CHECK_FALSE(DirtyBitmap::create(0, 0, kPage).ok());
  CHECK_FALSE(DirtyBitmap::create(UINT64_MAX - kPage + 1, 2 * kPage, kPage).ok());
  CHECK_FALSE(DirtyBitmap::create(0, 1ull << 45, kPage).ok());
  CHECK(DirtyBitmap::create(UINT64_MAX - kPage + 1, kPage, kPage).ok());
}

TEST_CASE("every page that a stretch touches is marked, none outside") {
  auto bitmap = bitmapOf(0x10000, 130 * kPage);
  bitmap->mark(0x10000 + kPage - 1, 2);
  CHECK(bitmap->words()[0] == 0b11);
  bitmap->mark(0x10000 + 127 * kPage, 3 * kPage);
  CHECK(bitmap->words()[1] == 1ull << 63);
  CHECK(bitmap->words()[2] == 0b11);
  bitmap->mark(0, 0x10000);
  bitmap->mark(0x10000 + 130 * kPage, kPage);
  bitmap->mark(0x20000, 0);
  CHECK(bitmap->dirtyPages() == 5);
  bitmap->mark(0, UINT64_MAX);
  CHECK(bitmap->dirtyPages() == 130);
}

TEST_CASE("bits past the last page do not count") {
  auto bitmap = bitmapOf(0, 3 * kPage);
  bitmap->words()[0] = ~0ull;
  CHECK(bitmap->dirtyPages() == 3);
  auto run = bitmap->nextRun(0);
  REQUIRE(run.has_value());
  CHECK(run->last == 3 * kPage - 1);
  CHECK_FALSE(bitmap->nextRun(3).has_value());
}

TEST_CASE("runs and counts agree with a naive reading") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const uint64_t pages = 1 + random() % 200;
    auto bitmap = bitmapOf(0x100000, pages * kPage);
    std::vector<bool> model(pages);
    for (int marks = 0; marks < 10; ++marks) {
      const uint64_t page = random() % pages;
      const uint64_t count = 1 + random() % 70;
      bitmap->mark(0x100000 + page * kPage, count * kPage);
      for (uint64_t at = page; at < std::min(pages, page + count); ++at) model[at] = true;
    }
    std::vector<bool> seen(pages);
    uint64_t from = 0;
    while (auto run = bitmap->nextRun(from)) {
      for (uint64_t iova = run->first; iova < run->last; iova += kPage)
        seen[(iova - 0x100000) / kPage] = true;
      from = (run->last + 1 - 0x100000) / kPage;
    }
    CHECK(seen == model);
    CHECK(bitmap->dirtyPages() == static_cast<uint64_t>(std::count(model.begin(), model.end(), true)));
  }
}

TEST_CASE("merging crosses page sizes and offsets") {
  auto fine = bitmapOf(0x10000, 16 * kPage);
  fine->mark(0x13000, 1);
  auto coarse = bitmapOf(0, 0x40000, 4 * kPage);
  coarse->merge(*fine);
  CHECK(coarse->words()[0] == 1ull << 4);
  auto back = bitmapOf(0x12000, 16 * kPage);
  back->merge(*coarse);
  CHECK(back->words()[0] == 0b11);  // 0x10000 to 0x13fff, as far as it reaches
}
