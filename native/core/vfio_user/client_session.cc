// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_session.h"

#include <algorithm>

#include "core/device/stream_end.h"
#include "core/vfio_user/client_migration.h"

namespace vfm::vfio_user {
namespace {

constexpr const char* kRead = "MIG_DATA_READ";
constexpr const char* kWrite = "MIG_DATA_WRITE";

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

}  // namespace

ClientSession::ClientSession(std::shared_ptr<ClientConnection> connection, ClientFeatures features,
                             std::shared_ptr<const SessionEnd> ended, Kind kind)
    : connection_(std::move(connection)),
      features_(std::move(features)),
      ended_(std::move(ended)),
      kind_(kind) {}

void ClientSession::cancel() {
  cancelled_ = true;
  connection_->wake();
}

Status ClientSession::checkUsable(const char* operation) const {
  if (cancelled_) return Failure::because(Reason::kCancelled, operation);
  if (*ended_) return Failure::system(ENODEV, "vfio-user", operation, "the session has ended");
  return {};
}

Result<size_t> ClientSession::readOnce(Bytes into) {
  if (Status usable = checkUsable(kRead); !usable) return std::move(usable).failure();
  const auto size = static_cast<uint32_t>(std::min<size_t>(into.size, connection_->maxTransfer()));
  MigDataPayload asked{static_cast<uint32_t>(sizeof asked) + size, size};
  MigDataPayload answer{};
  ClientRequest request{Command::kMigDataRead,
                        kRead,
                        {bytesOf(asked)},
                        {},
                        connection_->options().requestTimeout,
                        bytesOf(answer),
                        into.first(size),
                        &cancelled_};
  auto reply = connection_->call(request);
  if (!reply) return std::move(reply).failure();
  // The answer may be padded to what was asked for; `size` counts.
  if (answer.size > reply->data) {
    return Failure::because(
        Reason::kMalformed, kRead,
        std::to_string(answer.size) + " bytes are promised, " + std::to_string(reply->data) + " came");
  }
  // What a session that has ended meanwhile brought may belong to the next one.
  if (Status usable = checkUsable(kRead); !usable) return std::move(usable).failure();
  return size_t{answer.size};
}

Result<ReadOutcome> ClientSession::read(Bytes into) {
  if (kind_ != Kind::kSave) return Failure::system(EBADF, "vfio-user", kRead, "this session takes data in");
  if (into.size == 0) return Failure::because(Reason::kInvalidArgument, kRead, "no room to read into");
  return readStream([&] { return readOnce(into); }, [&] { return readMigrationState(features_); });
}

Result<size_t> ClientSession::write(ConstBytes from) {
  if (kind_ != Kind::kLoad) return Failure::system(EBADF, "vfio-user", kWrite, "this session gives data out");
  if (Status usable = checkUsable(kWrite); !usable) return std::move(usable).failure();
  const size_t size = std::min<size_t>(from.size, connection_->writeChunk());
  MigDataPayload header{static_cast<uint32_t>(sizeof header + size), static_cast<uint32_t>(size)};
  ClientRequest request{Command::kMigDataWrite,
                        kWrite,
                        {bytesOf(header), from.first(size)},
                        {},
                        connection_->options().requestTimeout,
                        {},
                        {},
                        &cancelled_};
  auto reply = connection_->call(request);
  if (!reply) return std::move(reply).failure();
  return size;
}

Result<PrecopyInfo> ClientSession::precopyInfo() {
  return Failure::because(Reason::kUnsupported, "VFIO_MIG_GET_PRECOPY_INFO",
                          "vfio-user has no message for it");
}

}  // namespace vfm::vfio_user
