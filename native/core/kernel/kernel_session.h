// SPDX-License-Identifier: MIT
// A v2 save or load over the data descriptor that a state change returned.
#pragma once

#include <atomic>
#include <memory>

#include "core/device/session.h"
#include "core/kernel/device_handle.h"

namespace vfm::kernel {

// Owns the descriptor and closes it when destroyed. It does not hold the device open: read() after the device
// was closed is ENODEV (or Reason::kClosed where the kernel leaves the end of the data to be judged by the
// device's state).
//
// cancel() wakes a call in progress only where the descriptor can be polled (mlx5's save side, no other
// driver of Linux 6.12): such a descriptor is made non-blocking, and read() waits kPatience for data before
// it answers kAgain. On any other descriptor a read() inside the driver returns when the driver lets it;
// ending the session by a state change or a reset is what hurries it.
class KernelSession final : public Session {
 public:
  static constexpr int kPatienceMilliseconds = 100;

  static std::unique_ptr<KernelSession> make(const std::shared_ptr<DeviceHandle>& device, Descriptor data);

  KernelSession(const std::shared_ptr<DeviceHandle>& device, Descriptor data, Descriptor wakeUp)
      : sys_(device->sys()), device_(device), data_(std::move(data)), wakeUp_(std::move(wakeUp)) {}

  Result<ReadOutcome> read(Bytes into) override;
  Result<size_t> write(ConstBytes from) override;
  Result<PrecopyInfo> precopyInfo() override;
  void cancel() override;

  int descriptor() const override { return data_.get(); }

 private:
  Result<size_t> readOnce(Bytes into);
  Result<uint32_t> sampleState();
  void awaitReady(short events);
  Failure cancelled(const char* operation) const;

  Sys& sys_;
  const std::weak_ptr<DeviceHandle> device_;
  const Descriptor data_;
  const Descriptor wakeUp_;  // eventfd, only beside a non-blocking data descriptor
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm::kernel
