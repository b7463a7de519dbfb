// SPDX-License-Identifier: MIT
// What goes wrong in a device whose saving goes on after SET has returned, and which needs its physical
// function for it: mlx5's rules (mlx5vf_pci_step_device_state_locked() and mlx5/cmd.c). Not thread-safe (the
// device's lock guards it).
#pragma once

#include <cstdint>

#include "core/simulated/arcs_v2.h"

namespace vfm {

class HiddenSave {
 public:
  void loseFunction() { functionGone_ = true; }
  void failAbort() { abortFails_ = true; }
  bool functionGone() const { return functionGone_; }

  // 0, or why the hop fails with the state kept. `saveFailed`: what was being saved has failed.
  // `losesSession`: the session is over all the same.
  int refusal(uint32_t from, uint32_t to, bool saveFailed, bool& losesSession);

  // An abort failed halfway: the next state change runs into what it left behind and never returns (in the
  // kernel it dereferences the file that is gone).
  bool wedged() const { return wedged_; }
  void reset() { wedged_ = false; }

 private:
  bool functionGone_ = false;
  bool abortFails_ = false;
  bool wedged_ = false;
};

}  // namespace vfm
