// SPDX-License-Identifier: MIT
// What a driver says to a stream that is not what it wants, and when.
#pragma once

#include "core/simulated/options.h"

namespace vfm {

// Errnos of write(); 0: it says nothing, takes the bytes, and the load is void.
struct LoadRules {
  int foreign;  // no stream of this kind of device
  int unlike;   // of this kind, from a device that differs
  int unknown;  // a record of a kind that nobody may skip
  int damaged;  // nonsense in a record
  // Bytes after the end; 0: read as if there were another record.
  int overlong;
  bool takesWhatFits;  // of an over-long write, and only the next one fails
  int afterwards;      // every write after one that failed
  // Errno of leaving RESUMING without the whole state; 0: nobody looks.
  int incomplete;
  bool prefaceIsEnough;  // with nothing but the preface of the stream, which changes nothing
  bool oneSize;          // the length is known beforehand, since no pre-copy adds to it
};

const LoadRules& loadRulesOf(Personality personality);

}  // namespace vfm
