// SPDX-License-Identifier: MIT
// Migration of the served device: the states and the data of v2 by messages, and in what a client leaves a
// device of either protocol.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "core/device/device.h"
#include "core/vfio_user/server_message.h"
#include "core/vfio_user/server_options.h"

namespace vfm::vfio_user {

class ServedMigration {
 public:
  // `maxTransfer`: bytes of data in one message, what both sides take.
  ServedMigration(std::shared_ptr<Device> device, uint64_t maxTransfer);

  // 1 or 2; 0: neither.
  uint32_t protocol() const { return protocol_; }
  // The region with the registers of v1.
  std::optional<uint32_t> region() const { return region_; }
  // Of v2, or v1's device_state.
  Result<uint32_t> state() const;

  // VFIO_DEVICE_FEATURE_MIGRATION, MIG_DEVICE_STATE and MIG_DATA_SIZE, `request` whole.
  Reply flags();
  Reply getState();
  Reply setState(const Request& request);
  Reply dataSize();

  Reply readData(const Request& request);
  Reply writeData(const Request& request);

  // A reset has ended whatever was in progress.
  void endSession();
  // From another thread, when the client has gone: nothing below waits for a session's data any more.
  void interrupt();
  // The client's session ends, and its device is left so that the next client can use it: a save that was
  // given up leaves it running (pre-copy) or stopped (stop-and-copy), with all it holds; a load that was
  // given up is reset away, since nothing else leaves resuming without committing to half a state.
  Departure end();

 private:
  void findRegion();
  std::shared_ptr<Session> session() const;
  Status leave(uint32_t state, Departure& departure);

  const std::shared_ptr<Device> device_;
  const uint64_t maxTransfer_;
  uint32_t protocol_ = 0;
  std::optional<uint32_t> region_;
  mutable std::mutex mutex_;  // of session_
  std::shared_ptr<Session> session_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace vfm::vfio_user
