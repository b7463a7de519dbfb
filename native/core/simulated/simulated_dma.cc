// SPDX-License-Identifier: MIT
// Where a simulated device's DMA goes, and the log of what it writes.
#include <cerrno>

#include "core/dma/address_table.h"
#include "core/simulated/simulated_device.h"

namespace vfm {
namespace {

constexpr const char* kStart = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_START";
constexpr const char* kReport = "VFIO_DEVICE_FEATURE GET DMA_LOGGING_REPORT";
constexpr const char* kStop = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_STOP";

Status logStatus(int error, const char* operation) {
  return error == 0 ? Status() : Status(Failure::system(error, "ioctl", operation));
}

}  // namespace

std::shared_ptr<AddressSpace> SimulatedDevice::addressSpace() {
  Lock lock(mutex_);
  return machine_->dma().space();
}

Status SimulatedDevice::attach(std::shared_ptr<AddressSpace> space) {
  if (!space || !space->inSoftware()) {
    return Failure::because(Reason::kUnsupported, "attach to an address space",
                            "a simulated device can use the address spaces of this process only");
  }
  Lock lock(mutex_);
  if (Status open = checkOpen(); !open.ok()) return open;
  machine_->dma().attach(std::move(space));
  return {};
}

Status SimulatedDevice::detach() {
  Lock lock(mutex_);
  machine_->dma().attach(nullptr);
  return {};
}

Result<uint64_t> SimulatedDevice::startDmaLog(const std::vector<IovaRange>& ranges, uint64_t pageSize) {
  Lock lock(mutex_);
  Status fine = trouble(lock, Operation::kDmaLogStart, {}, "ioctl", kStart);
  if (!fine.ok()) return std::move(fine).failure();
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kStart);
  Status started = logStatus(machine_->dma().log().start(ranges, pageSize), kStart);
  if (!started.ok()) return std::move(started).failure();
  return pageSize;
}

Status SimulatedDevice::reportDmaLog(DirtyBitmap& into) {
  Lock lock(mutex_);
  Status fine = trouble(lock, Operation::kDmaLogReport, {}, "ioctl", kReport);
  if (!fine.ok()) return fine;
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kReport);
  return logStatus(machine_->dma().log().report(into), kReport);
}

Status SimulatedDevice::stopDmaLog() {
  Lock lock(mutex_);
  Status fine = trouble(lock, Operation::kDmaLogStop, {}, "ioctl", kStop);
  if (!fine.ok()) return fine;
  if (!v2_) return Failure::system(ENOTTY, "ioctl", kStop);
  return logStatus(machine_->dma().log().stop(), kStop);
}

}  // namespace vfm
