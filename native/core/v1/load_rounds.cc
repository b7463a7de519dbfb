// SPDX-License-Identifier: MIT
#include "core/v1/load_rounds.h"

#include <atomic>
#include <cstring>

namespace vfm {

V1LoadRounds::V1LoadRounds(std::shared_ptr<Device> device, uint32_t region, DataPath path, size_t maxChunk)
    : device_(std::move(device)),
      registers_(*device_, region),
      region_(region),
      path_(path),
      maxChunk_(maxChunk) {}

Result<uint64_t> V1LoadRounds::place(size_t length) {
  if (cancelled_) return Failure::because(Reason::kCancelled, "v1 load round");
  if (!section_) {
    auto info = device_->regionInfo(region_);
    if (!info) return std::move(info).failure();
    auto opened = V1DataSection::open(device_, *info, path_);
    if (!opened) return std::move(opened).failure();
    section_ = std::make_unique<V1DataSection>(std::move(*opened));
  }
  if (length > maxChunk_) {
    return Failure::because(Reason::kChunkTooLarge, "v1 load round",
                            "a chunk of " + std::to_string(length) + " bytes; at most " +
                                std::to_string(maxChunk_) + " are accepted");
  }
  auto offset = registers_.dataOffset();
  if (!offset) return std::move(offset).failure();
  if (Status inside = section_->check(*offset, 0); !inside) return std::move(inside).failure();
  if (length > section_->regionSize() - *offset) {
    return Failure::because(Reason::kChunkTooLarge, "v1 load round",
                            "a chunk of " + std::to_string(length) + " bytes does not fit the " +
                                std::to_string(section_->regionSize() - *offset) +
                                " bytes from data_offset to the end of the region");
  }
  return *offset;
}

Status V1LoadRounds::consume(size_t length) {
  // The chunk must be in memory before the device is told of it.
  std::atomic_thread_fence(std::memory_order_release);
  return registers_.setDataSize(length);
}

Result<Bytes> V1LoadRounds::prepare(size_t length) {
  auto offset = place(length);
  if (!offset) return std::move(offset).failure();
  offset_ = *offset;
  prepared_ = length;
  if (uint8_t* mapped = section_->view(offset_, length, nullptr)) {
    inPlace_ = true;
    return Bytes{mapped, length};
  }
  inPlace_ = false;
  if (!buffer_ || buffer_->size() < length) {
    buffer_.reset();
    auto allocated = Memory::allocate(length);
    if (!allocated) return std::move(allocated).failure();
    buffer_ = std::move(*allocated);
  }
  return Bytes{buffer_->data(), length};
}

Status V1LoadRounds::commit() {
  if (!inPlace_) {
    if (Status copied = section_->copyIn(offset_, ConstBytes{buffer_->data(), prepared_}); !copied)
      return copied;
  }
  return consume(prepared_);
}

Status V1LoadRounds::put(ConstBytes chunk) {
  auto offset = place(chunk.size);
  if (!offset) return std::move(offset).failure();
  if (Status copied = section_->copyIn(*offset, chunk); !copied) return copied;
  return consume(chunk.size);
}

}  // namespace vfm
