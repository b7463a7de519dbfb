// SPDX-License-Identifier: MIT
// DEVICE_FEATURE: the request, and which features a server was found to have.
#pragma once

#include <cstdint>

#include "core/vfio_user/client_connection.h"

namespace vfm::vfio_user {

class ClientFeatures {
 public:
  // Probes the features that this client uses. Only a connection that dies is a failure: a server that knows
  // none of them answers each with an error.
  static Result<ClientFeatures> probe(std::shared_ptr<ClientConnection> connection);

  bool migration() const { return migration_; }
  bool dataSize() const { return dataSize_; }
  bool dmaLog() const { return dmaLog_; }
  uint64_t migrationFlags() const { return flags_; }

  // `sent` goes with the request; for GET the answer goes to `answer` (`fixed`, whole, then `rest`, as far as
  // it goes). The number of bytes in `rest`.
  struct Answer {
    Bytes fixed;
    Bytes rest;
  };
  Result<size_t> get(uint32_t feature, ConstBytes sent, Answer answer, const char* operation,
                     Milliseconds timeout) const;
  Status set(uint32_t feature, ConstBytes fixed, ConstBytes rest, const char* operation,
             Milliseconds timeout) const;
  Result<bool> has(uint32_t flags) const;
  Milliseconds requestTimeout() const { return connection_->options().requestTimeout; }

 private:
  explicit ClientFeatures(std::shared_ptr<ClientConnection> connection)
      : connection_(std::move(connection)) {}

  std::shared_ptr<ClientConnection> connection_;
  bool migration_ = false;
  bool dataSize_ = false;
  bool dmaLog_ = false;
  uint64_t flags_ = 0;
};

}  // namespace vfm::vfio_user
