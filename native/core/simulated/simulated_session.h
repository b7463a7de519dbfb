// SPDX-License-Identifier: MIT
// A save or load of a simulated device in a caller's hands. May outlive the device: it then answers ENODEV,
// as a data descriptor does.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "core/device/session.h"
#include "core/simulated/simulated_device.h"

namespace vfm {

class SimulatedSession final : public Session {
 public:
  // One of the two streams, the other null.
  SimulatedSession(std::shared_ptr<SimulatedDevice> device, std::shared_ptr<SaveStream> save,
                   std::shared_ptr<LoadStream> load);

  Result<ReadOutcome> read(Bytes into) override;
  Result<size_t> write(ConstBytes from) override;
  Result<PrecopyInfo> precopyInfo() override;
  void cancel() override;

 private:
  // As the kernel's read(): bytes, 0, or an errno; ENOMSG or 0 for a drained pre-copy, as the device is made.
  Result<size_t> readOnce(Bytes into);
  Result<size_t> nothingForNow(bool stopped) const;
  // Until the chunk that is being saved is ready, or there is another reason to look again.
  void awaitChunk(SimulatedDevice::Lock& lock);
  Result<uint32_t> sampleState();
  // The delay and the fault of a read or write of `size` bytes, ended early by cancel() and by the session's
  // end.
  Status trouble(SimulatedDevice::Lock& lock, Operation operation, const char* name, size_t& size);
  Status pause(SimulatedDevice::Lock& lock, uint32_t milliseconds, const char* name);
  const SimulatedOptions& options() const { return device_->options_; }
  bool ended() const { return save_ ? save_->ended() : load_->ended(); }

  // The streams use the device's parts, so they go first.
  std::shared_ptr<SimulatedDevice> device_;
  std::shared_ptr<SaveStream> save_;
  std::shared_ptr<LoadStream> load_;
  std::mutex transfer_;  // one read or write at a time
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
