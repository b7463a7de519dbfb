// SPDX-License-Identifier: MIT
// The drivers a simulated device can behave like: a table of facts, each of them read in the driver's source
// (Linux 6.12; virtio 6.13, xe 6.19, and the two v1 ones as far as their behaviour is documented).
#pragma once

#include <optional>
#include <string_view>

#include "core/simulated/options.h"

namespace vfm {

// Who decides what a pre-copy sends and says: precopy_policy.cc.
enum class PrecopyRounds : uint8_t { kOpen, kMlx5, kWholeContext, kPreface };

// In which states the pre-copy information can be had; kNone: the data descriptor has no ioctl, ENOTTY.
enum class PrecopyInfoStates : uint8_t { kNone, kPreCopy, kBoth };

struct PersonalityFacts {
  Personality personality;
  const char* name;
  SimulatedProtocol protocol;
  // v2: what it offers, and how it says that a pre-copy has nothing for now.
  bool precopy;
  bool p2p;
  DrainedConvention drained;
  bool roundsByInfo;
  // v1
  V1Arcs arcs;
  // v2
  PrecopyRounds rounds;
  PrecopyInfoStates infoStates;
  bool estimatesWhole;    // MIG_DATA_SIZE: the size of the whole state, whatever of it was sent
  bool suspendsInP2p;     // the P2P states stop it altogether; what it is told to do waits
  int setInError;         // errno of SET in the error state
  bool stopEndsLog;       // STOP_COPY to STOP ends the DMA log
  bool errorNeedsLog;     // running, it enters the error state by itself only while the log is on
  bool savesBehindUser;   // saving goes on after SET, with what can go wrong then, and needs the PF
  uint32_t saveTime;      // milliseconds
  uint32_t dataSizeTime;  // milliseconds
};

std::optional<Personality> personalityNamed(std::string_view name);
const PersonalityFacts& factsOf(Personality personality);

// Options of a device like that, everything else at its default.
SimulatedOptions optionsAs(Personality personality);

}  // namespace vfm
