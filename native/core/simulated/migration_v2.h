// SPDX-License-Identifier: MIT
// The v2 half of a simulated device: its state, one hop at a time, and the stream of the save or load in
// progress. Not thread-safe (the device's lock guards it).
#pragma once

#include <cstdint>
#include <memory>

#include "core/simulated/arcs_v2.h"
#include "core/simulated/load_stream.h"
#include "core/simulated/machine.h"
#include "core/simulated/save_stream.h"

namespace vfm {

class MigrationV2 {
 public:
  MigrationV2(Machine& machine, const SimulatedOptions& options);

  uint32_t flags() const { return flags_; }
  uint32_t state() const { return state_; }

  // One arc of the table, to a neighbour. 0 or an errno, with the state kept: EINVAL for a load that is not
  // complete.
  int hop(uint32_t next);
  void enterError();
  void reset();
  // The device goes away: sessions in other hands must know.
  void endSessions();

  // The stream of the state just entered; null where it has none.
  const std::shared_ptr<SaveStream>& save() const { return save_; }
  const std::shared_ptr<LoadStream>& load() const { return load_; }

  uint64_t estimate() const;

 private:
  Machine& machine_;
  uint32_t flags_;
  bool roundsByInfo_;
  uint32_t state_ = v2::kRunning;
  std::shared_ptr<SaveStream> save_;
  std::shared_ptr<LoadStream> load_;
};

}  // namespace vfm
