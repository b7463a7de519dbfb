// SPDX-License-Identifier: MIT
#include "core/simulated/save_stream.h"

#include <algorithm>
#include <cstring>

namespace vfm {

namespace {
constexpr uint64_t kChunkBytes = 8u << 20;  // mlx5's MAX_CHUNK_SIZE
}

SaveStream::SaveStream(Machine& machine, const SimulatedOptions& options)
    : machine_(machine),
      personality_(options.personality),
      policy_(precopyPolicyOf(options)),
      pacer_(options.saveTime, kChunkBytes),
      progress_(machine.memoryBytes(), policy_->roundsOnDemand()) {
  machine_.watch(&progress_);
  pacer_.begin(SavePacer::Clock::now(), true, false);
}

void SaveStream::end() {
  if (ended_) return;
  ended_ = true;
  machine_.watch(nullptr);
}

template <typename Header>
void SaveStream::announce(const Header& header) {
  std::memcpy(literal_.data() + literalSize_, &header, sizeof header);
  literalSize_ += sizeof header;
}

std::optional<Area> SaveStream::nextRun(bool stopped) {
  if (!stopped && !policy_->sendsMemory()) return std::nullopt;
  return progress_.nextRun(UINT64_MAX);
}

bool SaveStream::hasMore(bool stopped) {
  return literalSent_ < literalSize_ || run_.size > 0 || !headerSent_ || nextRun(stopped) ||
         (stopped && !endSent_);
}

void SaveStream::stopped() {
  policy_->stopped(progress_);
  pacer_.begin(SavePacer::Clock::now(), true, true);
}

bool SaveStream::announceNext(bool stopped) {
  literalSize_ = literalSent_ = 0;
  if (!headerSent_) {
    StreamHeader header;
    header.stateBytes = machine_.memoryBytes();
    header.personality = static_cast<uint64_t>(personality_);
    announce(header);
    headerSent_ = true;
    return true;
  }
  StreamRecord record;
  if (auto run = nextRun(stopped)) {
    run_ = *run;
    record.kind = StreamRecord::kMemory;
    record.offset = run->offset;
    record.length = run->size;
    announce(record);
    return true;
  }
  if (!stopped || endSent_) return false;
  record.kind = StreamRecord::kEnd;
  record.length = sizeof(MigratedRegisters);
  announce(record);
  announce(machine_.migrated());
  endSent_ = true;
  return true;
}

int SaveStream::read(Bytes into, bool stopped, size_t& bytes) {
  bytes = 0;
  while (bytes < into.size) {
    if (literalSent_ < literalSize_) {
      size_t count = std::min(literalSize_ - literalSent_, into.size - bytes);
      std::memcpy(into.data + bytes, literal_.data() + literalSent_, count);
      literalSent_ += count;
      bytes += count;
    } else if (run_.size > 0) {
      size_t count = static_cast<size_t>(std::min<uint64_t>(run_.size, into.size - bytes));
      if (int error = machine_.memory().read(run_.offset, into.from(bytes).first(count))) return error;
      progress_.sending(run_.offset, count);
      run_ = {run_.offset + count, run_.size - count};
      bytes += count;
    } else if (!announceNext(stopped)) {
      break;
    }
  }
  pacer_.took(bytes, SavePacer::Clock::now());
  return 0;
}

PrecopyInfo SaveStream::precopyInfo(bool quiesced) {
  PrecopyPolicy::Unsent unsent;
  if (!headerSent_) unsent.header = sizeof(StreamHeader);
  unsent.inFlight = literalSize_ - literalSent_ + run_.size;
  bool began = false;
  PrecopyInfo info = policy_->answer(progress_, unsent, quiesced, began);
  if (began) pacer_.begin(SavePacer::Clock::now(), false, false);
  return info;
}

uint64_t SaveStream::estimate() const {
  uint64_t bytes = literalSize_ - literalSent_ + progress_.firstPassBytes() + progress_.dirtyBytes();
  if (!headerSent_) bytes += sizeof(StreamHeader) + sizeof(StreamRecord);
  if (!endSent_) bytes += sizeof(StreamRecord) + sizeof(MigratedRegisters);
  return bytes;
}

uint64_t SaveStream::wholeEstimate(uint64_t stateBytes) {
  return sizeof(StreamHeader) + 2 * sizeof(StreamRecord) + stateBytes + sizeof(MigratedRegisters);
}

}  // namespace vfm
