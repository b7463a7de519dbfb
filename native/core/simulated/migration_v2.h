// SPDX-License-Identifier: MIT
// The v2 half of a simulated device: its state, one hop at a time, and the stream of the save or load in
// progress. Not thread-safe (the device's lock guards it).
#pragma once

#include <cstdint>
#include <memory>

#include "core/simulated/arcs_v2.h"
#include "core/simulated/hidden_save.h"
#include "core/simulated/load_stream.h"
#include "core/simulated/machine.h"
#include "core/simulated/personality.h"
#include "core/simulated/save_stream.h"

namespace vfm {

class MigrationV2 {
 public:
  // `options` must live as long.
  MigrationV2(Machine& machine, const SimulatedOptions& options);

  uint32_t flags() const { return flags_; }
  uint32_t state() const { return state_; }

  // One arc of the table, to a neighbour. 0 or an errno, with the state kept: that of a load that is not
  // complete, or what the driver says.
  int hop(uint32_t next);
  // What happens behind the user's back. False: it has no effect on this device now.
  bool happen(EventKind kind);
  // A state change begun now never returns.
  bool wedged() const { return hidden_.wedged(); }
  // No firmware command works any more: what asks for one answers ENOTCONN.
  bool functionGone() const { return hidden_.functionGone(); }
  // Errno of asking for the pre-copy information now; 0: it can be had.
  int precopyInfoRefusal() const;
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
  const SimulatedOptions& options_;
  const PersonalityFacts& facts_;
  uint32_t flags_;
  HiddenSave hidden_;
  uint32_t state_ = v2::kRunning;
  std::shared_ptr<SaveStream> save_;
  std::shared_ptr<LoadStream> load_;
};

}  // namespace vfm
