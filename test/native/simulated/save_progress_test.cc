// SPDX-License-Identifier: MIT
// What a save has still to send, when pages change while they are being sent.
#include "core/simulated/save_progress.h"

#include <doctest/doctest.h>

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

SaveProgress afterFirstPass(bool roundsOnDemand = false) {
  SaveProgress progress(8 * kPage, roundsOnDemand);
  auto all = progress.nextRun(UINT64_MAX);
  REQUIRE(all);
  CHECK(all->size == 8 * kPage);
  progress.sending(0, 8 * kPage);
  CHECK_FALSE(progress.nextRun(UINT64_MAX));
  return progress;
}

}  // namespace

TEST_CASE("a page that changes when half of it is sent is sent again, in the first pass and later") {
  SaveProgress progress(8 * kPage, false);
  REQUIRE(progress.nextRun(UINT64_MAX));
  progress.sending(0, kPage + 100);
  progress.touched(kPage + 8, 8);
  CHECK(progress.dirtyBytes() == kPage);
  progress.sending(kPage + 100, 7 * kPage - 100);
  for (int again = 0; again < 3; ++again) {
    auto run = progress.nextRun(UINT64_MAX);
    REQUIRE(run);
    CHECK(run->offset == kPage);
    CHECK(run->size == kPage);
    progress.sending(kPage, 100);
    progress.touched(kPage + 8, 8);
    progress.sending(kPage + 100, kPage - 100);
    CHECK(progress.dirtyBytes() == kPage);
  }
}

TEST_CASE("a page that changes before its turn in a round is sent once") {
  SaveProgress progress = afterFirstPass();
  progress.touched(2 * kPage, 2 * kPage);
  auto run = progress.nextRun(UINT64_MAX);
  REQUIRE(run);
  CHECK(run->size == 2 * kPage);
  progress.touched(3 * kPage, 8);
  CHECK(progress.dirtyBytes() == 2 * kPage);
  progress.sending(2 * kPage, 2 * kPage);
  CHECK(progress.dirtyBytes() == 0);
  CHECK_FALSE(progress.nextRun(UINT64_MAX));
}

TEST_CASE("runs join neighbours, keep to the limit, and come round to the pages before") {
  SaveProgress progress = afterFirstPass();
  progress.touched(kPage - 1, 2);
  progress.touched(5 * kPage, 3 * kPage);
  auto run = progress.nextRun(2 * kPage);
  REQUIRE(run);
  CHECK(run->offset == 0);
  CHECK(run->size == 2 * kPage);
  progress.sending(run->offset, run->size);
  run = progress.nextRun(2 * kPage);
  CHECK(run->offset == 5 * kPage);
  CHECK(run->size == 2 * kPage);
  progress.sending(run->offset, run->size);
  progress.touched(0, 1);
  run = progress.nextRun(2 * kPage);
  CHECK(run->offset == 7 * kPage);
  progress.sending(run->offset, run->size);
  run = progress.nextRun(2 * kPage);
  CHECK(run->offset == 0);
  progress.sending(run->offset, run->size);
  CHECK_FALSE(progress.nextRun(2 * kPage));
}

TEST_CASE("pages that the first pass has not reached are not dirty") {
  SaveProgress progress(8 * kPage, false);
  progress.touched(0, 8 * kPage);
  CHECK(progress.dirtyBytes() == 0);
  CHECK(progress.firstPassBytes() == 8 * kPage);
}

TEST_CASE("rounds on demand wait for beginRound() until there are no rounds any more") {
  SaveProgress progress = afterFirstPass(true);
  progress.touched(0, 1);
  CHECK_FALSE(progress.nextRun(UINT64_MAX));
  CHECK(progress.dirtyBytes() == kPage);
  progress.beginRound();
  progress.touched(kPage, 1);
  auto run = progress.nextRun(UINT64_MAX);
  REQUIRE(run);
  CHECK(run->size == kPage);
  progress.sending(run->offset, run->size);
  CHECK_FALSE(progress.nextRun(UINT64_MAX));
  progress.stopRounds();
  CHECK(progress.nextRun(UINT64_MAX)->offset == kPage);
}
