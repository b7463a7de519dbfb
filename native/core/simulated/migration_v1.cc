// SPDX-License-Identifier: MIT
#include "core/simulated/migration_v1.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vfm {

namespace {
constexpr uint64_t kPayloadOf(uint64_t chunkBytes) {
  return (chunkBytes - sizeof(ChunkHeader)) / DeviceMemory::kPage * DeviceMemory::kPage;
}
}  // namespace

Result<std::unique_ptr<MigrationV1>> MigrationV1::create(Machine& machine, const SimulatedOptions& options) {
  auto store = DataStore::create(options.data, options.chunkBytes);
  if (!store.ok()) return std::move(store).failure();
  return std::unique_ptr<MigrationV1>(new MigrationV1(machine, options, std::move(*store)));
}

MigrationV1::MigrationV1(Machine& machine, const SimulatedOptions& options, std::unique_ptr<DataStore> store)
    : machine_(machine),
      arcs_(options.arcs),
      rules_(v1RulesOf(options.personality)),
      initialReserved_(options.reservedBits & ~v1::kStateMask),
      chunkBytes_(options.chunkBytes),
      store_(std::move(store)),
      deviceState_(initialReserved_ | v1::kRunning) {}

const char* MigrationV1::nameAt(uint64_t offset, size_t width) {
  if (offset >= DataStore::kHeaderBytes) return "data";
  if (offset == kDeviceState && width == 4) return "device-state";
  if (offset == kReserved && width == 4) return "reserved";
  if (width != 8) return nullptr;
  if (offset == kPendingBytes) return "pending-bytes";
  if (offset == kDataOffset) return "data-offset";
  if (offset == kDataSize) return "data-size";
  return nullptr;
}

int MigrationV1::read(uint64_t offset, Bytes into, Faults& faults) {
  if (offset >= DataStore::kHeaderBytes) {
    if (!saving() && !resuming()) return EINVAL;
    std::memcpy(into.data, store_->at(offset), into.size);
    return 0;
  }
  uint64_t value = 0;
  switch (offset) {
    case kDeviceState:
      value = faults.claim("device-state", deviceState_);
      break;
    case kReserved:
      break;
    case kPendingBytes:
      if (int error = machine_.advance()) return error;
      if (int error = pendingBytes(value)) return error;
      value = faults.claim("pending-bytes", value);
      break;
    case kDataOffset:
      if (saving()) {
        if (int error = staged_ && rules_.restages ? restage() : stage()) return error;
        value = staged_->place;
      } else if (resuming()) {
        value = store_->placeOf(round_);
        placeKnown_ = true;
      } else {
        return EINVAL;
      }
      value = faults.claim("data-offset", value);
      break;
    case kDataSize:
      if (saving() ? !staged_ : !resuming()) return EINVAL;
      value = faults.claim("data-size", saving() ? staged_->size : lastSize_);
      break;
    default:
      return EINVAL;
  }
  std::memcpy(into.data, &value, into.size);
  return 0;
}

int MigrationV1::write(uint64_t offset, ConstBytes from) {
  if (offset >= DataStore::kHeaderBytes) {
    if (!resuming()) return EINVAL;
    std::memcpy(store_->at(offset), from.data, from.size);
    return 0;
  }
  switch (offset) {
    case kReserved:
      return 0;
    case kPendingBytes:
    case kDataOffset:
      return rules_.readOnly;
    case kDataSize: {
      if (saving()) return rules_.readOnly;
      if (!resuming()) return EINVAL;
      uint64_t size = 0;
      std::memcpy(&size, from.data, sizeof size);
      return consume(size);
    }
    default:
      return EINVAL;
  }
}

int MigrationV1::pendingBytes(uint64_t& bytes) {
  bytes = 0;
  if (!saving()) return 0;
  staged_.reset();  // this is the acknowledgement: the buffer may be used again
  bytes = progress_->firstPassBytes() + progress_->dirtyBytes();
  if (state() != v1::kStopAndCopy) return 0;
  if (!registersStaged_) bytes += sizeof(ChunkHeader) + sizeof(MigratedRegisters);
  return bytes > 0 && rules_.stagesOnPending ? stage() : 0;
}

int MigrationV1::restage() {
  ChunkHeader& header = staged_->header;
  if (header.kind != ChunkHeader::kMemory) return 0;
  uint8_t* chunk = store_->at(staged_->place);
  Bytes payload{chunk + sizeof header, static_cast<size_t>(header.length)};
  if (int error = machine_.memory().read(header.offset, payload)) return error;
  header.checksum = chunkChecksum(payload);
  std::memcpy(chunk, &header, sizeof header);
  return 0;
}

int MigrationV1::stage() {
  if (staged_) return 0;  // asked again before the acknowledgement: the same chunk
  if (int error = machine_.advance()) return error;
  Staged staged;
  staged.place = store_->placeOf(round_);
  uint8_t* chunk = store_->at(staged.place);
  ChunkHeader header;
  header.sequence = sequence_;
  header.stateBytes = machine_.memoryBytes();
  Bytes payload{chunk + sizeof header, 0};
  if (auto run = progress_->nextRun(kPayloadOf(chunkBytes_))) {
    header.kind = ChunkHeader::kMemory;
    header.offset = run->offset;
    payload.size = static_cast<size_t>(run->size);
    if (int error = machine_.memory().read(run->offset, payload)) return error;
    progress_->sending(run->offset, run->size);
  } else if (state() == v1::kStopAndCopy && !registersStaged_) {
    header.kind = ChunkHeader::kRegisters;
    MigratedRegisters registers = machine_.migrated();
    payload.size = sizeof registers;
    std::memcpy(payload.data, &registers, sizeof registers);
    registersStaged_ = true;
  } else {
    staged_ = staged;  // nothing for now: a data_size of 0
    return 0;
  }
  header.length = payload.size;
  header.checksum = chunkChecksum(payload);
  std::memcpy(chunk, &header, sizeof header);
  staged.size = sizeof header + payload.size;
  staged.header = header;
  staged_ = staged;
  ++round_;
  ++sequence_;
  return 0;
}

int MigrationV1::consume(uint64_t size) {
  if (!placeKnown_ || broken_) return EINVAL;
  uint64_t place = store_->placeOf(round_);
  placeKnown_ = false;
  lastSize_ = size;
  ++round_;
  broken_ = true;
  if (size < sizeof(ChunkHeader) || size > chunkBytes_) return EINVAL;
  // Copied first: whoever has the section mapped could change it between the check and the use.
  ChunkHeader header;
  std::memcpy(&header, store_->at(place), sizeof header);
  if (header.length != size - sizeof header) return EINVAL;
  ConstBytes payload{store_->at(place) + sizeof header, static_cast<size_t>(header.length)};
  if (int error = accept(header, payload)) return error;
  broken_ = false;
  ++sequence_;
  return 0;
}

int MigrationV1::accept(const ChunkHeader& header, ConstBytes payload) {
  uint64_t bytes = machine_.memoryBytes();
  if (header.magic != ChunkHeader::kMagic || header.stateBytes != bytes || header.sequence != sequence_)
    return EINVAL;
  if (loaded_ || header.checksum != chunkChecksum(payload)) return EINVAL;
  if (header.kind == ChunkHeader::kRegisters) {
    if (header.length != sizeof(MigratedRegisters) || covered_ != bytes) return EINVAL;
    MigratedRegisters registers;
    std::memcpy(&registers, payload.data, sizeof registers);
    loaded_ = registers;
    return 0;
  }
  if (header.kind != ChunkHeader::kMemory || header.length == 0) return EINVAL;
  if (header.offset > bytes || header.length > bytes - header.offset) return EINVAL;
  bool fresh = header.offset == covered_;
  if (!fresh && header.offset + header.length > covered_) return EINVAL;
  covered_ = std::max(covered_, header.offset + header.length);
  return fresh ? machine_.memory().writeOverZeros(header.offset, payload)
               : machine_.memory().write(header.offset, payload);
}

void MigrationV1::beginSave() {
  endSave();
  progress_ = std::make_unique<SaveProgress>(machine_.memoryBytes(), false);
  machine_.watch(progress_.get());
}

void MigrationV1::endSave() {
  machine_.watch(nullptr);
  progress_.reset();
  staged_.reset();
  registersStaged_ = false;
  round_ = sequence_ = 0;
}

int MigrationV1::change(uint32_t value) {
  uint32_t from = state();
  uint32_t to = value & v1::kStateMask;
  if (from == v1::kError) return EINVAL;
  if (!v1::isReachable(to)) {
    if (rules_.invalidIsError) enterError();
    return EINVAL;
  }
  if (!v1::accepts(arcs_, from, to)) {
    if (arcs_ == V1Arcs::kI915) enterError();
    return EINVAL;
  }
  if (from == to) {
    deviceState_ = value;
    return 0;
  }
  if (from == v1::kResuming) {
    if (!loaded_ || broken_) {
      enterError();
      return EINVAL;
    }
    machine_.restore(*loaded_);
  }
  bool continues = from == v1::kPreCopy && to == v1::kStopAndCopy;
  int error = machine_.setActivity(to & v1::kRunning ? Activity::kRunning : Activity::kStopped);
  if (error == 0 && to == v1::kResuming) error = machine_.discard();
  if (error != 0) {
    enterError();
    return error;
  }
  if (!continues) endSave();
  if ((to & v1::kSaving) && !continues) beginSave();
  placeKnown_ = broken_ = false;
  lastSize_ = covered_ = 0;
  loaded_.reset();
  deviceState_ = value;
  return 0;
}

void MigrationV1::enterError() {
  machine_.setActivity(Activity::kStopped);
  endSave();
  loaded_.reset();
  deviceState_ = (deviceState_ & ~v1::kStateMask) | v1::kError;
}

void MigrationV1::reset() {
  endSave();
  loaded_.reset();
  deviceState_ = initialReserved_ | v1::kRunning;
}

}  // namespace vfm
