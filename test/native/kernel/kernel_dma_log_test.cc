// SPDX-License-Identifier: MIT
// The log that a device keeps of its own writes, and what is checked before and after the kernel is asked.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/kernel_fixture.h"
#include "uapi/dma_logging.h"

using namespace vfm;
using vfm::test::KernelFixture;

namespace {

constexpr uint64_t kPage = 4096;

struct LogFixture : KernelFixture {
  std::vector<uapi::VfioDeviceFeatureDmaLoggingRange> ranges;
  uint64_t answeredPage = 0;  // 0: the one asked for
  uapi::VfioDeviceFeatureDmaLoggingReport report{};
  uint64_t dirty = 0;
  int stops = 0;

  LogFixture() {
    sys.otherFeature = [this](uint32_t flags, void* payload) {
      switch (flags) {
        case uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStart: {
          auto* control = static_cast<uapi::VfioDeviceFeatureDmaLoggingControl*>(payload);
          const auto* first =
              reinterpret_cast<const uapi::VfioDeviceFeatureDmaLoggingRange*>(control->ranges);
          ranges.assign(first, first + control->num_ranges);
          if (answeredPage != 0) control->page_size = answeredPage;
          return 0;
        }
        case uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureDmaLoggingReport:
          report = *static_cast<uapi::VfioDeviceFeatureDmaLoggingReport*>(payload);
          *reinterpret_cast<uint64_t*>(report.bitmap) |= dirty;
          return 0;
        case uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStop:
          ++stops;
          return 0;
        default:
          return -ENOTTY;
      }
    };
  }
  static std::shared_ptr<DirtyBitmap> bitmap(uint64_t iova, uint64_t pages, uint64_t page = kPage) {
    return std::move(DirtyBitmap::create(iova, pages * page, page)).value();
  }
};

std::string failing(const char* feature, const char* direction) {
  return std::string("feature ") + feature + " " + direction;
}

}  // namespace

TEST_CASE_FIXTURE(LogFixture, "ranges are handed over in order, and the device's page size comes back") {
  answeredPage = 65536;
  auto page = device->startDmaLog({{0x100000, 0x10ffff}, {0, 0xffff}}, kPage);
  REQUIRE(page.ok());
  CHECK(*page == 65536);
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0].iova == 0);
  CHECK(ranges[1].iova == 0x100000);
  CHECK(ranges[1].length == 0x10000);
}

TEST_CASE_FIXTURE(LogFixture, "as many ranges as fit in a page, and no more") {
  std::vector<IovaRange> many;
  for (uint64_t i = 0; i < kPage / 16; ++i) many.push_back({i * 2 * kPage, i * 2 * kPage + kPage - 1});
  CHECK(device->startDmaLog(many, kPage).ok());
  CHECK(ranges.size() == 256);
  many.push_back({uint64_t{1} << 40, (uint64_t{1} << 40) + kPage - 1});
  CHECK(device->startDmaLog(many, kPage).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(LogFixture, "ranges that no device could log are refused before it is asked") {
  std::vector<IovaRange> wrong;
  uint64_t page = kPage;
  SUBCASE("none") {}
  SUBCASE("not whole pages") { wrong = {{0, kPage}}; }
  SUBCASE("not beginning on a page") { wrong = {{1, kPage}}; }
  SUBCASE("overlapping") { wrong = {{kPage, 3 * kPage - 1}, {0, 2 * kPage - 1}}; }
  SUBCASE("upside down") { wrong = {{kPage, 0}}; }
  SUBCASE("up to the very end") { wrong = {{~uint64_t{0} - 4095, ~uint64_t{0}}}; }
  SUBCASE("pages of no power of two") {
    wrong = {{0, kPage - 1}};
    page = 3;
  }
  auto started = device->startDmaLog(wrong, page);
  CHECK(started.failure().reason == Reason::kInvalidArgument);
  CHECK(ranges.empty());
}

TEST_CASE_FIXTURE(LogFixture, "a page size that is none ends the log at once") {
  answeredPage = 5000;
  CHECK(device->startDmaLog({{0, kPage - 1}}, kPage).failure().reason == Reason::kMalformed);
  CHECK(stops == 1);
}

TEST_CASE_FIXTURE(LogFixture, "a report adds to the bitmap") {
  auto found = bitmap(0x100000, 16, 65536);
  found->mark(0x100000, 1);
  dirty = 1u << 5;
  REQUIRE(device->reportDmaLog(*found).ok());
  CHECK(found->words()[0] == ((1u << 5) | 1u));
  CHECK(report.iova == 0x100000);
  CHECK(report.length == 16 * 65536);
  CHECK(report.page_size == 65536);
  CHECK(device->reportDmaLog(*bitmap(0, 4, 512)).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE_FIXTURE(LogFixture, "errors come through by name") {
  for (const int error : {ENOTTY, EINVAL, EEXIST, EOVERFLOW, ENOMEM, EFAULT}) {
    sys.fail(failing("6", "set"), error);
    auto started = device->startDmaLog({{0, kPage - 1}}, kPage);
    REQUIRE_FALSE(started.ok());
    CHECK(started.failure().error == error);
    sys.fail(failing("8", "get"), error);
    CHECK(device->reportDmaLog(*bitmap(0, 4)).failure().error == error);
    sys.fail(failing("7", "set"), error);
    CHECK(device->stopDmaLog().failure().error == error);
  }
  CHECK(device->stopDmaLog().ok());
}
