// SPDX-License-Identifier: MIT
#include "core/vfio_user/server_dma.h"

#include <algorithm>

#include "uapi/dma_logging.h"
#include "uapi/feature.h"

namespace vfm::vfio_user {
namespace {

// What newer servers (libvfio-user 5d64ebf) take besides: how the descriptor may be used.
constexpr uint32_t kDmaMapMmap = 1u << 2;
constexpr uint32_t kDmaMapFileIo = 1u << 3;

// With kDmaUnmapGetDirtyBitmap, behind DmaUnmapPayload; the reply has the bitmap behind it.
struct UnmapBitmap {
  uint64_t pageSize;
  uint64_t size;  // bytes
};

constexpr uint32_t kMostLogRanges = 4096;

bool lacksIt(const Failure& failure) {
  return failure.reason == Reason::kUnsupported ||
         (failure.reason == Reason::kSystem && (failure.error == ENOTTY || failure.error == EOPNOTSUPP));
}

ConstBytes bytesOf(const DirtyBitmap& bitmap) {
  return {reinterpret_cast<const uint8_t*>(bitmap.words()), bitmap.byteCount()};
}

}  // namespace

ServedDma::ServedDma(std::shared_ptr<Device> device, std::shared_ptr<DmaMessages> messages,
                     const ServeOptions& options, uint64_t maxTransfer)
    : device_(std::move(device)), mostMaps_(options.maxDmaMaps), maxTransfer_(maxTransfer) {
  if (device_->descriptor() >= 0) {
    through_ = device_->addressSpace();
  } else {
    peer_ = std::make_shared<PeerAddressSpace>(std::move(messages), options.maxDmaMaps);
  }
}

Status ServedDma::begin() {
  if (!peer_) return {};
  before_ = device_->addressSpace();
  Status attached = device_->attach(peer_);
  attached_ = attached.ok();
  // A device that makes no DMA can be served all the same.
  if (!attached && lacksIt(attached.failure())) return {};
  return attached;
}

void ServedDma::end() {
  if (log_ == Log::kDevice) static_cast<void>(device_->stopDmaLog());
  if (log_ == Log::kSpace && through_) static_cast<void>(through_->stopDirtyTracking());
  log_ = Log::kNone;
  for (const auto& [iova, size] : mapped_) static_cast<void>(through_->unmap(iova, size, nullptr));
  mapped_.clear();
  if (!peer_) return;
  if (attached_) {
    static_cast<void>(device_->detach());
    if (before_) static_cast<void>(device_->attach(std::move(before_)));
  }
  attached_ = false;
  static_cast<void>(peer_->unmapAll());
}

Reply ServedDma::map(Request& request) {
  DmaMapPayload asked{};
  const uint32_t known = kDmaMapRead | kDmaMapWrite | kDmaMapMmap | kDmaMapFileIo;
  if (!request.begin(asked) || asked.argsz < sizeof asked || (asked.flags & ~known) != 0)
    return Reply(EINVAL);
  const bool described = !request.descriptors.empty();
  if (request.descriptors.size() > 1 || (!described && (asked.flags & (kDmaMapMmap | kDmaMapFileIo)) != 0)) {
    return Reply(EINVAL);
  }
  const uint32_t access = asked.flags & (kDmaMapRead | kDmaMapWrite);
  if (access == 0 || asked.size == 0 || asked.size - 1 > UINT64_MAX - asked.iova) return Reply(EINVAL);
  const auto protection = static_cast<Protection>(access);
  if (!peer_) {
    if (Status mapped = mapThrough(asked, protection, request.descriptors); !mapped) return mapped.failure();
    return {};
  }
  std::unique_ptr<PeerMemory> memory;
  if (described) {
    auto made = PeerMemory::of(std::move(request.descriptors[0]), asked.offset, asked.size,
                               (access & kDmaMapWrite) != 0);
    if (!made) return made.failure();
    memory = std::move(*made);
  }
  Status mapped = peer_->mapPeer(asked.iova, asked.size, protection, std::move(memory));
  if (!mapped) return mapped.failure();
  return {};
}

Status ServedDma::mapThrough(const DmaMapPayload& asked, Protection protection,
                             std::vector<UniqueFd>& descriptors) {
  const char* map = "DMA_MAP";
  if (!through_) return Failure::because(Reason::kUnsupported, map, "the device has no address space");
  // A kernel device reaches memory, and nothing that has to be asked for.
  if (descriptors.empty()) return Failure::because(Reason::kUnsupported, map, "memory without a descriptor");
  if (mapped_.size() >= mostMaps_) return Failure::system(ENOSPC, "", map);
  auto memory = DmaMemory::ofDescriptor(descriptors[0].get(), asked.offset, asked.size);
  if (!memory) return std::move(memory).failure();
  Status mapped = through_->map(asked.iova, DmaSlice{std::move(*memory), 0, asked.size}, protection);
  if (mapped) mapped_.emplace(asked.iova, asked.size);
  return mapped;
}

Result<std::shared_ptr<DirtyBitmap>> ServedDma::bitmapFor(uint64_t iova, uint64_t size,
                                                          uint64_t pageSize) const {
  const bool pages = pageSize >= WrittenPages::kPage && (pageSize & (pageSize - 1)) == 0;
  // Sized before it is allocated: the client's word alone must not take memory.
  if (!pages || size / pageSize / 8 > maxTransfer_) return Failure::system(EINVAL, "", "dirty bitmap");
  return DirtyBitmap::create(iova, size, pageSize);
}

Reply ServedDma::unmap(const Request& request) {
  DmaUnmapPayload asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  if ((asked.flags & ~(kDmaUnmapGetDirtyBitmap | kDmaUnmapAll)) != 0) return Reply(EINVAL);
  Reply reply;
  reply.add(asked);
  if ((asked.flags & kDmaUnmapAll) != 0) {
    if (asked.flags != kDmaUnmapAll || asked.iova != 0 || asked.size != 0) return Reply(EINVAL);
    if (peer_) {
      static_cast<void>(peer_->unmapAll());
      return reply;
    }
    for (const auto& [iova, size] : mapped_) static_cast<void>(through_->unmap(iova, size, nullptr));
    mapped_.clear();
    return reply;
  }
  std::shared_ptr<DirtyBitmap> dirty;
  if ((asked.flags & kDmaUnmapGetDirtyBitmap) != 0) {
    UnmapBitmap wanted{};
    if (!request.at(sizeof asked, wanted) || log_ == Log::kNone) return Reply(EINVAL);
    auto made = bitmapFor(asked.iova, asked.size, wanted.pageSize);
    if (!made) return made.failure();
    dirty = std::move(*made);
    if (wanted.size < dirty->byteCount() || wanted.size > maxTransfer_) return Reply(EINVAL);
    reply.add(wanted);
  }
  DirtyBitmap* const ofSpace = log_ == Log::kSpace ? dirty.get() : nullptr;
  if (peer_) {
    auto unmapped = peer_->unmap(asked.iova, asked.size, ofSpace);
    if (!unmapped) return unmapped.failure();
  } else {
    const auto found = mapped_.find(asked.iova);
    if (found == mapped_.end() || found->second != asked.size) return Reply(ENOENT);
    auto unmapped = through_->unmap(asked.iova, asked.size, ofSpace);
    if (!unmapped) return unmapped.failure();
    mapped_.erase(found);
  }
  // Once the device cannot write there any more.
  if (dirty && log_ == Log::kDevice && !report(*dirty)) dirty->markAll();
  if (dirty) {
    reply.add(bytesOf(*dirty));
    UnmapBitmap wanted{};
    static_cast<void>(request.at(sizeof asked, wanted));
    reply.payload.resize(sizeof asked + sizeof wanted + static_cast<size_t>(wanted.size));
  }
  return reply;
}

Status ServedDma::startSpaceLog() {
  if (!peer_ && !through_) return Failure::because(Reason::kUnsupported, "dirty tracking");
  Status started = peer_ ? peer_->startDirtyTracking() : through_->startDirtyTracking();
  if (started) log_ = Log::kSpace;
  return started;
}

Status ServedDma::report(DirtyBitmap& into) {
  if (log_ == Log::kDevice) return device_->reportDmaLog(into);
  if (log_ == Log::kNone) return Failure::system(EINVAL, "", "dirty report", "nothing is being logged");
  return peer_ ? peer_->reportDirty(into) : through_->reportDirty(into);
}

Reply ServedDma::stopLog() {
  const Log was = log_;
  log_ = Log::kNone;
  if (was == Log::kNone) return Reply(EINVAL);
  Status stopped = was == Log::kDevice ? device_->stopDmaLog()
                   : peer_             ? peer_->stopDirtyTracking()
                                       : through_->stopDirtyTracking();
  if (!stopped) return stopped.failure();
  return {};
}

Reply ServedDma::startLog(const Request& request) {
  const size_t head = sizeof(uapi::VfioDeviceFeature);
  DmaLoggingStartPayload asked{};
  if (!request.at(head, asked) || log_ != Log::kNone || asked.num_ranges > kMostLogRanges)
    return Reply(EINVAL);
  const bool pages = asked.page_size >= WrittenPages::kPage && (asked.page_size & (asked.page_size - 1)) == 0;
  if (!pages) return Reply(EINVAL);
  std::vector<IovaRange> ranges;
  for (uint32_t i = 0; i < asked.num_ranges; ++i) {
    uapi::VfioDeviceFeatureDmaLoggingRange range{};
    if (!request.at(head + sizeof asked + i * sizeof range, range)) return Reply(EINVAL);
    if (range.length == 0 || range.length - 1 > UINT64_MAX - range.iova) return Reply(EINVAL);
    ranges.push_back({range.iova, range.iova + (range.length - 1)});
  }
  auto logged = device_->startDmaLog(ranges, asked.page_size);
  if (logged) {
    log_ = Log::kDevice;
    asked.page_size = *logged;
  } else if (!lacksIt(logged.failure())) {
    return logged.failure();
  } else if (Status started = startSpaceLog(); !started) {
    return started.failure();
  }
  Reply reply;
  reply.add(request.payload);
  std::memcpy(reply.payload.data() + head, &asked, sizeof asked);
  return reply;
}

Reply ServedDma::reportLog(const Request& request, uint32_t argsz) {
  const size_t head = sizeof(uapi::VfioDeviceFeature);
  DmaLoggingReportPayload asked{};
  if (!request.at(head, asked)) return Reply(EINVAL);
  auto bitmap = bitmapFor(asked.iova, asked.length, asked.page_size);
  if (!bitmap) return bitmap.failure();
  const size_t whole = head + sizeof asked + (*bitmap)->byteCount();
  if (argsz < whole) return Reply(EINVAL);
  if (Status reported = report(**bitmap); !reported) return reported.failure();
  Reply reply;
  reply.add(request.payload.first(head + sizeof asked)).add(bytesOf(**bitmap));
  const auto size = static_cast<uint32_t>(whole);
  std::memcpy(reply.payload.data(), &size, sizeof size);
  return reply;
}

Reply ServedDma::dirtyPages(const Request& request) {
  DirtyPagesPayload asked{};
  if (!request.begin(asked) || asked.argsz < sizeof asked) return Reply(EINVAL);
  if (asked.flags == kDirtyPagesStart) {
    if (log_ != Log::kNone) return Reply(EINVAL);
    if (Status started = startSpaceLog(); !started) return started.failure();
    return {};
  }
  if (asked.flags == kDirtyPagesStop) return stopLog();
  DirtyPagesRange range{};
  if (asked.flags != kDirtyPagesGet || !request.at(sizeof asked, range)) return Reply(EINVAL);
  auto bitmap = bitmapFor(range.iova, range.size, range.pgsize);
  if (!bitmap) return bitmap.failure();
  const size_t head = sizeof asked + sizeof range;
  if (range.bitmap_size < (*bitmap)->byteCount() || range.bitmap_size > maxTransfer_) return Reply(EINVAL);
  if (asked.argsz < head + range.bitmap_size) return Reply(EINVAL);
  if (Status reported = report(**bitmap); !reported) return reported.failure();
  Reply reply;
  reply.add(asked).add(range).add(bytesOf(**bitmap));
  reply.payload.resize(head + static_cast<size_t>(range.bitmap_size));
  return reply;
}

}  // namespace vfm::vfio_user
