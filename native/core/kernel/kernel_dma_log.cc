// SPDX-License-Identifier: MIT
// The log that a KernelDevice keeps of its own writes.
#include <algorithm>
#include <string>

#include "core/kernel/kernel_device.h"
#include "uapi/dma_logging.h"
#include "uapi/feature.h"

namespace vfm::kernel {
namespace {

constexpr const char* kStart = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_START";
constexpr const char* kStop = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_STOP";
constexpr const char* kReport = "VFIO_DEVICE_FEATURE GET DMA_LOGGING_REPORT";
constexpr uint64_t kSmallestPage = 4096;  // of a report, whatever the machine's pages

using Range = uapi::VfioDeviceFeatureDmaLoggingRange;

bool isPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

Failure refused(std::string detail) {
  return Failure::because(Reason::kInvalidArgument, kStart, std::move(detail));
}

// What the kernel checks too (vfio_ioctl_device_feature_logging_start), but here with the reason.
Result<std::vector<Range>> checkedRanges(std::vector<IovaRange> ranges, uint64_t pageSize, size_t most) {
  if (!isPowerOfTwo(pageSize)) return refused("pages of " + std::to_string(pageSize) + " bytes");
  if (ranges.empty() || ranges.size() > most) {
    return refused(std::to_string(ranges.size()) + " ranges; 1 to " + std::to_string(most) + " are possible");
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
  std::vector<Range> checked;
  checked.reserve(ranges.size());
  for (const IovaRange& range : ranges) {
    // One past the last address must be an address, which leaves out a range up to 2^64.
    if (range.last < range.first || range.last == ~uint64_t{0}) {
      return refused("a range from " + std::to_string(range.first) + " to " + std::to_string(range.last));
    }
    if (range.first % pageSize != 0 || range.size() % pageSize != 0) {
      return refused("the range from " + std::to_string(range.first) + " to " + std::to_string(range.last) +
                     " is not of whole pages of " + std::to_string(pageSize) + " bytes");
    }
    if (!checked.empty() && range.first < checked.back().iova + checked.back().length) {
      return refused("ranges overlap at " + std::to_string(range.first));
    }
    checked.push_back(Range{range.first, range.size()});
  }
  return checked;
}

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

}  // namespace

Result<uint64_t> KernelDevice::startDmaLog(const std::vector<IovaRange>& ranges, uint64_t pageSize) {
  auto checked = checkedRanges(ranges, pageSize, handle_->sys().pageSize() / sizeof(Range));
  if (!checked) return std::move(checked).failure();
  uapi::VfioDeviceFeatureDmaLoggingControl control{};
  control.page_size = pageSize;
  control.num_ranges = static_cast<uint32_t>(checked->size());
  control.ranges = reinterpret_cast<uintptr_t>(checked->data());
  auto started = handle_->feature(uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStart,
                                  bytesOf(control), kStart);
  if (!started) return std::move(started).failure();
  if (!isPowerOfTwo(control.page_size)) {
    static_cast<void>(stopDmaLog());
    return Failure::because(Reason::kMalformed, kStart,
                            "the device logs pages of " + std::to_string(control.page_size) + " bytes");
  }
  return uint64_t{control.page_size};
}

Status KernelDevice::reportDmaLog(DirtyBitmap& into) {
  if (into.pageSize() < kSmallestPage) {
    return Failure::because(Reason::kInvalidArgument, kReport,
                            "pages of " + std::to_string(into.pageSize()) + " bytes; 4096 is the least");
  }
  uapi::VfioDeviceFeatureDmaLoggingReport report{};
  report.iova = into.iova();
  report.length = into.length();
  report.page_size = into.pageSize();
  report.bitmap = reinterpret_cast<uintptr_t>(into.words());
  return handle_->feature(uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureDmaLoggingReport,
                          bytesOf(report), kReport);
}

Status KernelDevice::stopDmaLog() {
  return handle_->feature(uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStop, Bytes{},
                          kStop);
}

}  // namespace vfm::kernel
