// SPDX-License-Identifier: MIT
#include "core/v1/save_rounds.h"

#include <atomic>
#include <cstring>

namespace vfm {

V1SaveRounds::V1SaveRounds(std::shared_ptr<Device> device, uint32_t region, DataPath path, size_t maxChunk)
    : device_(std::move(device)),
      registers_(*device_, region),
      region_(region),
      path_(path),
      maxChunk_(maxChunk) {}

// Where the device stands when it says that there is nothing: drained in pre-copy, at the end in stop-copy.
Result<Progress> V1SaveRounds::phaseWithoutData() {
  auto state = registers_.deviceState();
  if (!state) return std::move(state).failure();
  switch (*state & V1Registers::kStateMask) {
    case V1Registers::kStopCopy:
      return Progress::kEnd;
    case V1Registers::kPreCopy:
      return Progress::kDrained;
    default:
      return Failure::system(
          ENODEV, "pread", "v1 save round",
          "device_state is " + std::to_string(*state) + ": the device is no longer saving");
  }
}

Result<Progress> V1SaveRounds::pending() {
  auto bytes = registers_.pendingBytes();
  if (!bytes) return std::move(bytes).failure();
  if (*bytes > 0) return Progress::kBytes;
  auto phase = phaseWithoutData();
  if (!phase || *phase == Progress::kDrained) return phase;
  // The switch to stop-copy may have fallen between the two reads: only a 0 read while in stop-copy is the
  // end.
  bytes = registers_.pendingBytes();
  if (!bytes) return std::move(bytes).failure();
  return *bytes > 0 ? Progress::kBytes : Progress::kEnd;
}

Result<Turn> V1SaveRounds::round(std::shared_ptr<Memory>& memory, size_t largestCopied) {
  if (cancelled_) return Failure::because(Reason::kCancelled, "v1 save round");
  if (!section_) {
    auto info = device_->regionInfo(region_);
    if (!info) return std::move(info).failure();
    auto opened = V1DataSection::open(device_, *info, path_);
    if (!opened) return std::move(opened).failure();
    section_ = std::make_unique<V1DataSection>(std::move(*opened));
  }

  auto progress = pending();
  if (!progress) return std::move(progress).failure();
  if (*progress != Progress::kBytes) return Turn{*progress, {}, nullptr};

  auto offset = registers_.dataOffset();
  if (!offset) return std::move(offset).failure();
  auto size = registers_.dataSize();
  if (!size) return std::move(size).failure();
  if (*size == 0) {
    // SPDK says so for ever in pre-copy, with pending_bytes above 0; QEMU's client takes it as the end in
    // stop-copy.
    auto phase = phaseWithoutData();
    if (!phase) return std::move(phase).failure();
    return Turn{*phase, {}, nullptr};
  }
  if (Status inside = section_->check(*offset, *size); !inside) return std::move(inside).failure();
  if (*size > maxChunk_) {
    return Failure::because(Reason::kChunkTooLarge, "v1 save round",
                            "the device staged " + std::to_string(*size) + " bytes; at most " +
                                std::to_string(maxChunk_) + " are accepted");
  }
  const size_t length = static_cast<size_t>(*size);

  // What the device stored before it answered data_offset must be seen by the loads that follow.
  std::atomic_thread_fence(std::memory_order_acquire);
  std::shared_ptr<void> keep;
  uint8_t* mapped = length > largestCopied ? section_->view(*offset, length, &keep) : nullptr;
  if (mapped) return Turn{Progress::kBytes, Bytes{mapped, length}, std::move(keep)};

  if (!memory || memory->size() < length) {
    memory.reset();
    auto allocated = Memory::allocate(length);
    if (!allocated) return std::move(allocated).failure();
    memory = std::move(*allocated);
  }
  if (Status copied = section_->copyOut(*offset, Bytes{memory->data(), length}); !copied)
    return std::move(copied).failure();
  return Turn{Progress::kBytes, Bytes{memory->data(), length}, memory};
}

}  // namespace vfm
