// SPDX-License-Identifier: MIT
#include "core/simulated/load_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/simulated/save_stream.h"

namespace vfm {

bool LoadStream::gather(ConstBytes& from, size_t size) {
  size_t count = std::min(size - gatheredSize_, from.size);
  if (count > 0) std::memcpy(gathered_.data() + gatheredSize_, from.data, count);
  gatheredSize_ += count;
  from = from.from(count);
  return gatheredSize_ == size;
}

int LoadStream::acceptRecord() {
  StreamRecord record;
  std::memcpy(&record, gathered_.data(), sizeof record);
  gatheredSize_ = 0;
  if (record.kind == StreamRecord::kEnd) {
    if (record.length != sizeof(MigratedRegisters) || covered_ != machine_.memoryBytes()) return EINVAL;
    phase_ = Phase::kRegisters;
    return 0;
  }
  uint64_t size = machine_.memoryBytes();
  if (record.kind != StreamRecord::kMemory || record.length == 0) return EINVAL;
  if (record.offset > size || record.length > size - record.offset) return EINVAL;
  if (record.offset % DeviceMemory::kPage != 0 || record.length % DeviceMemory::kPage != 0) return EINVAL;
  // First everything in order, then only what was sent before.
  bool first = record.offset == covered_;
  if (!first && record.offset + record.length > covered_) return EINVAL;
  offset_ = record.offset;
  remaining_ = record.length;
  phase_ = Phase::kMemory;
  return 0;
}

int LoadStream::accept() {
  switch (phase_) {
    case Phase::kHeader: {
      StreamHeader header;
      std::memcpy(&header, gathered_.data(), sizeof header);
      gatheredSize_ = 0;
      if (header.magic != StreamHeader::kMagic || header.version != StreamHeader::kVersion) return EINVAL;
      if (header.headerBytes != sizeof header || header.stateBytes != machine_.memoryBytes()) return EINVAL;
      phase_ = Phase::kRecord;
      return 0;
    }
    case Phase::kRecord:
      return acceptRecord();
    default:
      std::memcpy(&registers_, gathered_.data(), sizeof registers_);
      gatheredSize_ = 0;
      phase_ = Phase::kDone;
      return 0;
  }
}

int LoadStream::take(ConstBytes& from) {
  size_t count = static_cast<size_t>(std::min<uint64_t>(remaining_, from.size));
  ConstBytes piece = from.first(count);
  bool fresh = offset_ >= covered_;
  if (int error = fresh ? machine_.memory().writeOverZeros(offset_, piece)
                        : machine_.memory().write(offset_, piece)) {
    return error;
  }
  offset_ += count;
  covered_ = std::max(covered_, offset_);
  remaining_ -= count;
  from = from.from(count);
  if (remaining_ == 0) phase_ = Phase::kRecord;
  return 0;
}

int LoadStream::write(ConstBytes from) {
  if (broken_) return EINVAL;
  int error = 0;
  while (from.size > 0 && error == 0) {
    switch (phase_) {
      case Phase::kHeader:
        if (gather(from, sizeof(StreamHeader))) error = accept();
        break;
      case Phase::kRecord:
        if (gather(from, sizeof(StreamRecord))) error = accept();
        break;
      case Phase::kRegisters:
        if (gather(from, sizeof(MigratedRegisters))) error = accept();
        break;
      case Phase::kMemory:
        error = take(from);
        break;
      case Phase::kDone:
        error = ENOMEM;
        break;
    }
  }
  broken_ = error != 0;
  return error;
}

}  // namespace vfm
