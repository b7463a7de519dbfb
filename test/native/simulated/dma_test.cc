// SPDX-License-Identifier: MIT
// DMA of a simulated device, and its log. The same rules as in test/kernel-module/smoke/dma_test.c.
#include "core/dma/address_table.h"
#include "simulated/bench_device.h"
#include "uapi/dma_logging.h"
#include "uapi/feature.h"

using namespace bench;

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kIova = 0x10000000;
constexpr uint64_t kLength = 1 << 20;
constexpr uint32_t kWrite = 3;
constexpr uint32_t kRead = 4;

struct DmaDevice : BenchDevice {
  std::shared_ptr<DmaMemory> memory;
  std::shared_ptr<AddressSpace> space;

  explicit DmaDevice(const SimulatedOptions& options, bool busMaster = true) : BenchDevice(options) {
    memory = *DmaMemory::allocate(kLength, {});
    space = device->addressSpace();
    REQUIRE(static_cast<bool>(space));
    REQUIRE(space->map(kIova, {memory, 0, kLength}, Protection::kReadWrite).ok());
    if (busMaster) REQUIRE(put<uint16_t>(7, 4, 0x0006) == 0);
  }
  uint32_t dma(uint32_t command, uint64_t iova, uint64_t length) const {
    REQUIRE(put(0, 0x38, iova) == 0);
    REQUIRE(put(0, 0x40, length) == 0);
    REQUIRE(put(0, 0x1c, command) == 0);
    return read<uint32_t>(0, 0x34);
  }
  int report(DirtyBitmap& into) const {
    Status status = device->reportDmaLog(into);
    return status.ok() ? 0 : status.failure().error;
  }
  int start(std::vector<IovaRange> ranges, uint64_t pageSize) const {
    auto started = device->startDmaLog(ranges, pageSize);
    return started.ok() ? 0 : started.failure().error;
  }
};

std::shared_ptr<DirtyBitmap> bitmapOf(uint64_t iova, uint64_t length, uint64_t page = kPage) {
  auto bitmap = DirtyBitmap::create(iova, length, page);
  REQUIRE(bitmap.ok());
  return *bitmap;
}

IovaRange range(uint64_t iova, uint64_t length) { return {iova, iova + length - 1}; }

}  // namespace

TEST_CASE("the device writes the generator's output, and reads it back") {
  DmaDevice device(v2Options());
  REQUIRE(device.put<uint32_t>(0, 0x18, 3) == 0);
  CHECK(device.dma(kWrite, kIova, kLength) == 0);
  const auto expected = expectedMemory(kLength, true, 3, 0);
  CHECK(std::memcmp(device.memory->data(), expected.data(), kLength) == 0);
  device.memory->data()[77] ^= 1;
  CHECK(device.dma(kRead, kIova, 200000) == 0);
  const auto held = device.BenchDevice::memory();
  CHECK(std::memcmp(held.data(), device.memory->data(), 200000) == 0);
  CHECK(held[200000] == expectedMemory(1 << 20, true, 7, 0)[200000]);
}

TEST_CASE("DMA_STATUS says why nothing arrived") {
  DmaDevice device(v2Options());
  CHECK(device.dma(kWrite, kIova + kLength - kPage, 2 * kPage) == EFAULT);
  CHECK(device.dma(kRead, 0, 1) == EFAULT);
  CHECK(device.dma(kRead, kIova, kLength * 4) == E2BIG);
  CHECK(device.dma(kWrite, kIova, (1ull << 30) + 1) == E2BIG);
  CHECK(device.dma(kWrite, UINT64_MAX - 10, 100) == EOVERFLOW);
  CHECK(device.dma(kWrite, kIova, 0) == 0);
  REQUIRE(device.space->map(0x1000, {device.memory, 0, kPage}, Protection::kRead).ok());
  CHECK(device.dma(kWrite, 0x1000, 4) == EFAULT);
  CHECK(device.dma(kRead, 0x1000, 4) == 0);
}

TEST_CASE("without bus mastering the device reaches nothing") {
  DmaDevice device(v2Options(), false);
  CHECK(device.dma(kWrite, kIova, kPage) == EIO);
  REQUIRE(device.put<uint16_t>(7, 4, 0x0004) == 0);
  CHECK(device.dma(kWrite, kIova, kPage) == 0);
}

TEST_CASE("a device can be attached to another address space, and to none") {
  DmaDevice device(v1Options());
  auto other = std::make_shared<AddressTable>();
  REQUIRE(device->attach(other).ok());
  CHECK(device->addressSpace().get() == static_cast<AddressSpace*>(other.get()));
  CHECK(device.dma(kWrite, kIova, 8) == EFAULT);
  REQUIRE(other->map(0x5000, {device.memory, 0, kPage}, Protection::kReadWrite).ok());
  CHECK(device.dma(kWrite, 0x5000, 8) == 0);
  REQUIRE(device->detach().ok());
  CHECK_FALSE(static_cast<bool>(device->addressSpace()));
  CHECK(device.dma(kWrite, 0x5000, 8) == EFAULT);
  CHECK(device->attach(nullptr).failure().reason == Reason::kUnsupported);
}

TEST_CASE("the address space tracks what the device writes") {
  DmaDevice device(v2Options());
  REQUIRE(device.space->startDirtyTracking().ok());
  CHECK(device.dma(kWrite, kIova + 5 * kPage + 100, 2 * kPage) == 0);
  auto bitmap = bitmapOf(kIova, kLength);
  REQUIRE(device.space->reportDirty(*bitmap).ok());
  CHECK(bitmap->words()[0] == 7ull << 5);
  CHECK(bitmap->dirtyPages() == 3);
}

TEST_CASE("the log takes whole pages of one size, no overlap, and one at a time") {
  DmaDevice device(v2Options());
  CHECK(device.start({}, kPage) == EINVAL);
  CHECK(device.start(std::vector<IovaRange>(257, range(kIova, kPage)), kPage) == E2BIG);
  CHECK(device.start({range(kIova, kLength)}, 2048) == EINVAL);
  CHECK(device.start({range(kIova, 12288)}, 12288) == EINVAL);
  CHECK(device.start({range(kIova + 1, kPage)}, kPage) == EINVAL);
  CHECK(device.start({range(kIova, 100)}, kPage) == EINVAL);
  CHECK(device.start({range(kIova, 2 * kPage), range(kIova + kPage, kPage)}, kPage) == EINVAL);
  CHECK(device->stopDmaLog().failure().error == EINVAL);
  CHECK(device.start({range(kIova, kPage), range(kIova + kPage, kPage)}, kPage) == 0);
  CHECK(device.start({range(kIova, kPage)}, kPage) == EINVAL);
  CHECK(device->stopDmaLog().ok());
  CHECK(device.start({range(kIova, kPage)}, kPage) == 0);
}

TEST_CASE("the log has the pages that the device wrote, once") {
  DmaDevice device(v2Options());
  auto bitmap = bitmapOf(kIova, kLength);
  CHECK(device.report(*bitmap) == EINVAL);
  REQUIRE(device.start({range(kIova, kLength)}, kPage) == 0);
  // Pages 5 to 7, and 64: a write of unaligned ends counts whole pages.
  CHECK(device.dma(kWrite, kIova + 5 * kPage + 100, 2 * kPage) == 0);
  CHECK(device.dma(kWrite, kIova + 64 * kPage, 1) == 0);
  CHECK(device.dma(kRead, kIova + 100 * kPage, kPage) == 0);
  auto elsewhere = bitmapOf(kIova + kLength, kLength);
  CHECK(device.report(*elsewhere) == EINVAL);
  REQUIRE(device.report(*bitmap) == 0);
  CHECK(bitmap->words()[0] == 7ull << 5);
  CHECK(bitmap->words()[1] == 1);
  CHECK(bitmap->dirtyPages() == 4);
  auto again = bitmapOf(kIova, kLength);
  REQUIRE(device.report(*again) == 0);
  CHECK(again->dirtyPages() == 0);
  // A report in coarser pages than the log's.
  CHECK(device.dma(kWrite, kIova + 70 * kPage, kPage) == 0);
  auto coarse = bitmapOf(kIova, kLength, 65536);
  REQUIRE(device.report(*coarse) == 0);
  CHECK(coarse->words()[0] == 1ull << 4);
}

TEST_CASE("the log covers its ranges only, in its own pages") {
  DmaDevice device(v2Options());
  REQUIRE(device.start({range(kIova, kLength / 2)}, 65536) == 0);
  CHECK(device.dma(kWrite, kIova, kLength) == 0);
  auto bitmap = bitmapOf(kIova, kLength, 65536);
  REQUIRE(device.report(*bitmap) == 0);
  CHECK(bitmap->words()[0] == 0xff);
}

TEST_CASE("a device without v2 has no log, and a probe says so") {
  DmaDevice v1(v1Options());
  CHECK(v1.start({range(kIova, kPage)}, kPage) == ENOTTY);
  const uint32_t probe =
      uapi::kVfioDeviceFeatureProbe | uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStart;
  CHECK(v1->feature(probe, {}).failure().error == ENOTTY);
  DmaDevice v2(v2Options());
  CHECK(v2->feature(probe, {}).ok());
  CHECK(v2->feature(uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStop, {})
            .failure()
            .reason == Reason::kUnsupported);
}
