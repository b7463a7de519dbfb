// SPDX-License-Identifier: MIT
// The v1 half of a simulated device: the migration region's registers, the chunks in its data section, and
// the rules between them (struct vfio_device_migration_info of linux/vfio.h, before 5.18). Not thread-safe
// (the device's lock guards it). Functions answer 0 or an errno.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/result.h"
#include "core/simulated/arcs_v1.h"
#include "core/simulated/chunk.h"
#include "core/simulated/data_store.h"
#include "core/simulated/faults.h"
#include "core/simulated/machine.h"
#include "core/simulated/v1_rules.h"

namespace vfm {

class MigrationV1 {
 public:
  static constexpr uint64_t kDeviceState = 0;
  static constexpr uint64_t kReserved = 4;
  static constexpr uint64_t kPendingBytes = 8;
  static constexpr uint64_t kDataOffset = 16;
  static constexpr uint64_t kDataSize = 24;

  static Result<std::unique_ptr<MigrationV1>> create(Machine& machine, const SimulatedOptions& options);

  const DataStore& store() const { return *store_; }
  uint32_t state() const { return deviceState_ & v1::kStateMask; }

  // "device-state", ..., "data" for the data section; null where nothing may be accessed. Width 4 for the
  // first two, 8 for the rest.
  static const char* nameAt(uint64_t offset, size_t width);

  // One access, from the region's start. Writing device_state is change(), not this.
  int read(uint64_t offset, Bytes into, Faults& faults);
  int write(uint64_t offset, ConstBytes from);

  // What a written device_state asks for: EINVAL for values nobody may ask for, for a refused arc (with i915
  // arcs the device is then in the error state), and for a load that is not complete (error state).
  int change(uint32_t value);
  void enterError();
  void reset();

 private:
  MigrationV1(Machine& machine, const SimulatedOptions& options, std::unique_ptr<DataStore> store);
  bool saving() const { return state() != v1::kError && (state() & v1::kSaving); }
  bool resuming() const { return state() == v1::kResuming; }
  int pendingBytes(uint64_t& bytes);
  int stage();
  int restage();
  int consume(uint64_t size);
  int accept(const ChunkHeader& header, ConstBytes payload);
  void beginSave();
  void endSave();

  struct Staged {
    uint64_t place = 0;
    uint64_t size = 0;
    ChunkHeader header;
  };

  Machine& machine_;
  const V1Arcs arcs_;
  const V1Rules& rules_;
  const uint32_t initialReserved_;
  const uint64_t chunkBytes_;
  std::unique_ptr<DataStore> store_;
  uint32_t deviceState_;

  uint64_t round_ = 0;     // of this save or load
  uint64_t sequence_ = 0;  // of the next chunk
  // Save.
  std::unique_ptr<SaveProgress> progress_;
  std::optional<Staged> staged_;
  bool registersStaged_ = false;
  // Load.
  bool placeKnown_ = false;  // data_offset was read in this round
  uint64_t lastSize_ = 0;
  uint64_t covered_ = 0;
  bool broken_ = false;
  std::optional<MigratedRegisters> loaded_;  // the last chunk has come
};

}  // namespace vfm
