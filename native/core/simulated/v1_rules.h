// SPDX-License-Identifier: MIT
// What v1 drivers do differently with their registers. Which arcs they accept: arcs_v1.h.
#pragma once

#include "core/simulated/options.h"

namespace vfm {

struct V1Rules {
  int readOnly;  // errno of writing a register that is read-only now
  bool
      stagesOnPending;  // in 010 the chunk is prepared when pending_bytes is read, so that data_size is valid
  bool restages;  // every read of data_offset prepares the chunk anew, with what the memory holds by then
  bool invalidIsError;  // asking for 101, 110 or 111 leads to the error state, as a refused arc does
};

const V1Rules& v1RulesOf(Personality personality);

}  // namespace vfm
