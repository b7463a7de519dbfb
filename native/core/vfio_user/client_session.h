// SPDX-License-Identifier: MIT
// A v2 save or load of a vfio-user device: MIG_DATA_READ and MIG_DATA_WRITE, message by message.
#pragma once

#include <atomic>
#include <memory>

#include "core/device/session.h"
#include "core/vfio_user/client_connection.h"
#include "core/vfio_user/client_features.h"

namespace vfm::vfio_user {

// Shared by a device and the session of its present group of states: the protocol has no word for a session,
// so that an old one would go on with the data of the next.
using SessionEnd = std::atomic<bool>;

class ClientSession final : public Session {
 public:
  enum class Kind : uint8_t { kSave, kLoad };

  ClientSession(std::shared_ptr<ClientConnection> connection, ClientFeatures features,
                std::shared_ptr<const SessionEnd> ended, Kind kind);

  Result<ReadOutcome> read(Bytes into) override;
  Result<size_t> write(ConstBytes from) override;
  Result<PrecopyInfo> precopyInfo() override;
  void cancel() override;

 private:
  Result<size_t> readOnce(Bytes into);
  Status checkUsable(const char* operation) const;

  std::shared_ptr<ClientConnection> connection_;
  ClientFeatures features_;
  std::shared_ptr<const SessionEnd> ended_;
  Kind kind_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm::vfio_user
