// SPDX-License-Identifier: MIT
#include "core/simulated/load_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/simulated/save_stream.h"

namespace vfm {

namespace {
// What is wrong, until the rules say how to call it.
constexpr int kForeign = -1;
constexpr int kUnlike = -2;
constexpr int kUnknown = -3;
constexpr int kDamaged = -4;
}  // namespace

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
  if (arrived_) return kUnknown;
  if (record.kind == StreamRecord::kEnd) {
    if (record.length != sizeof(MigratedRegisters) || covered_ != machine_.memoryBytes()) return kDamaged;
    phase_ = Phase::kRegisters;
    return 0;
  }
  uint64_t size = machine_.memoryBytes();
  if (record.kind != StreamRecord::kMemory) return kUnknown;
  if (record.length == 0 || record.offset > size || record.length > size - record.offset) return kDamaged;
  if (record.offset % DeviceMemory::kPage != 0 || record.length % DeviceMemory::kPage != 0) return kDamaged;
  // First everything in order, then only what was sent before.
  bool first = record.offset == covered_;
  if (!first && record.offset + record.length > covered_) return kDamaged;
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
      if (header.magic != StreamHeader::kMagic || header.version != StreamHeader::kVersion) return kForeign;
      if (header.personality != static_cast<uint64_t>(personality_)) return kForeign;
      if (header.headerBytes != sizeof header || header.stateBytes != machine_.memoryBytes()) return kUnlike;
      phase_ = Phase::kRecord;
      return 0;
    }
    case Phase::kRecord:
      return acceptRecord();
    default:
      std::memcpy(&registers_, gathered_.data(), sizeof registers_);
      gatheredSize_ = 0;
      phase_ = rules_.overlong == 0 ? Phase::kRecord : Phase::kDone;
      arrived_ = true;
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

int LoadStream::parse(ConstBytes from) {
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
        return rules_.overlong;
    }
  }
  switch (error) {
    case kForeign:
      broken_ = true;
      return rules_.foreign;
    case kUnlike:
      broken_ = true;
      return rules_.unlike;
    case kUnknown:
      broken_ = true;
      return rules_.unknown;
    case kDamaged:
      broken_ = true;
      return rules_.damaged;
    default:
      return error;
  }
}

int LoadStream::write(ConstBytes from, size_t& taken) {
  taken = 0;
  if (refusal_ != 0) return refusal_;
  if (rules_.oneSize) {
    const uint64_t room = SaveStream::wholeEstimate(machine_.memoryBytes()) - received_;
    // What does not fit is not taken, and what was is still good.
    if (from.size > room && (!rules_.takesWhatFits || room == 0)) return rules_.overlong;
    from = from.first(static_cast<size_t>(std::min<uint64_t>(from.size, room)));
  }
  const int error = broken_ ? 0 : parse(from);
  if (error != 0) {
    broken_ = true;
    refusal_ = rules_.afterwards;
    return error;
  }
  received_ += from.size;
  taken = from.size;
  return 0;
}

int LoadStream::finish() const {
  if (complete()) return 0;
  if (rules_.prefaceIsEnough && !broken_ && received_ == sizeof(StreamHeader)) return 0;
  return rules_.incomplete;
}

}  // namespace vfm
