// SPDX-License-Identifier: MIT
#include "core/vfio_user/dma_log.h"

#include "uapi/dma_logging.h"

namespace vfm::vfio_user {
namespace {

constexpr const char* kStart = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_START";
constexpr const char* kStop = "VFIO_DEVICE_FEATURE SET DMA_LOGGING_STOP";
constexpr const char* kReport = "VFIO_DEVICE_FEATURE GET DMA_LOGGING_REPORT";
constexpr size_t kMostRanges = 1024;

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

Failure cutOff(const char* operation, size_t got, size_t wanted) {
  return Failure::because(
      Reason::kMalformed, operation,
      "a bitmap of " + std::to_string(got) + " bytes instead of " + std::to_string(wanted));
}

}  // namespace

DmaLog::DmaLog(std::shared_ptr<ClientConnection> connection, ClientFeatures features,
               std::shared_ptr<ServerMappings> mappings, Form form)
    : connection_(std::move(connection)),
      features_(std::move(features)),
      mappings_(std::move(mappings)),
      form_(form),
      pageSize_(connection_->server().capabilities.dirtyPageSize.value_or(4096)) {}

Result<uint64_t> DmaLog::start(const std::vector<IovaRange>& ranges) {
  std::lock_guard lock(mutex_);
  if (form_ == Form::kNone) return Failure::because(Reason::kUnsupported, kStart, "the server keeps no log");
  if (on_) return Failure::system(EBUSY, "vfio-user", kStart, "the server's log is in use already");
  if (ranges.empty()) return Failure::because(Reason::kInvalidArgument, kStart, "no range");
  // Ours first: nothing that the server logs from its start on may be missed.
  connection_->dma().record(true);
  Status started;
  if (form_ == Form::kDirtyPages) {
    started = switchDirtyPages(kDirtyPagesStart);
  } else {
    std::vector<uapi::VfioDeviceFeatureDmaLoggingRange> wire;
    for (const IovaRange& range : ranges) {
      if (wire.size() < kMostRanges) wire.push_back({range.first, range.size()});
      if (wire.size() == kMostRanges) wire.back().length = range.last - wire.back().iova + 1;
    }
    DmaLoggingStartPayload payload{pageSize_, static_cast<uint32_t>(wire.size()), 0};
    const ConstBytes list{reinterpret_cast<const uint8_t*>(wire.data()), wire.size() * sizeof wire[0]};
    started = features_.set(uapi::kVfioDeviceFeatureDmaLoggingStart, bytesOf(payload), list, kStart,
                            features_.requestTimeout());
  }
  if (!started) {
    connection_->dma().record(false);
    return std::move(started).failure();
  }
  on_ = true;
  return uint64_t{pageSize_};
}

Status DmaLog::stop() {
  std::lock_guard lock(mutex_);
  if (!on_) return {};
  on_ = false;
  connection_->dma().record(false);
  if (form_ == Form::kDirtyPages) return switchDirtyPages(kDirtyPagesStop);
  return features_.set(uapi::kVfioDeviceFeatureDmaLoggingStop, {}, {}, kStop, features_.requestTimeout());
}

Status DmaLog::report(DirtyBitmap& into) {
  std::lock_guard lock(mutex_);
  if (!on_) return Failure::system(EINVAL, "vfio-user", kReport, "the log is not on");
  Status collected = mappings_->each(into.iova(), into.length(),
                                     [this](uint64_t iova, uint64_t size) { return fetch(iova, size); });
  if (!collected) return collected;
  connection_->dma().takeWritten(into);
  return {};
}

Status DmaLog::collect(uint64_t iova, uint64_t size) {
  std::lock_guard lock(mutex_);
  if (!on_) return {};
  return fetch(iova, size);
}

// One mapping, whole: servers know no other stretch. What it says is noted beside what we saw ourselves.
Status DmaLog::fetch(uint64_t iova, uint64_t size) const {
  auto bitmap = DirtyBitmap::create(iova, size, pageSize_);
  if (!bitmap) return std::move(bitmap).failure();
  Status fetched = form_ == Form::kDirtyPages ? fetchDirtyPages(**bitmap) : fetchFeature(**bitmap);
  if (!fetched) return fetched;
  uint64_t page = 0;
  while (auto run = (*bitmap)->nextRun(page)) {
    connection_->dma().note(run->first, run->size());
    page = (run->last - iova) / pageSize_ + 1;
  }
  return {};
}

Status DmaLog::fetchFeature(DirtyBitmap& into) const {
  DmaLoggingReportPayload asked{into.iova(), into.length(), into.pageSize()};
  DmaLoggingReportPayload echo{};
  const Bytes words{reinterpret_cast<uint8_t*>(into.words()), into.byteCount()};
  auto got = features_.get(uapi::kVfioDeviceFeatureDmaLoggingReport, bytesOf(asked), {bytesOf(echo), words},
                           kReport, features_.requestTimeout());
  if (!got) return std::move(got).failure();
  if (*got != words.size) return cutOff(kReport, *got, words.size);
  return {};
}

Status DmaLog::fetchDirtyPages(DirtyBitmap& into) const {
  const Bytes words{reinterpret_cast<uint8_t*>(into.words()), into.byteCount()};
  struct {
    DirtyPagesPayload head;
    DirtyPagesRange range;
  } asked{{static_cast<uint32_t>(sizeof asked + words.size), kDirtyPagesGet},
          {into.iova(), into.length(), into.pageSize(), words.size}},
      echo{};
  auto reply = connection_->call(
      {Command::kDirtyPages, {}, {bytesOf(asked)}, {}, features_.requestTimeout(), bytesOf(echo), words});
  if (!reply) return std::move(reply).failure();
  if (reply->data != words.size) return cutOff("DIRTY_PAGES", reply->data, words.size);
  return {};
}

Status DmaLog::switchDirtyPages(uint32_t flags) const {
  DirtyPagesPayload payload{sizeof payload, flags};
  uint8_t rest[sizeof payload];
  auto reply = connection_->call({Command::kDirtyPages,
                                  {},
                                  {bytesOf(payload)},
                                  {},
                                  features_.requestTimeout(),
                                  {},
                                  Bytes{rest, sizeof rest}});
  if (!reply) return std::move(reply).failure();
  return {};
}

}  // namespace vfm::vfio_user
