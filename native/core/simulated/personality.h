// SPDX-License-Identifier: MIT
// The drivers a simulated device can behave like: a table of facts, each of them read in the driver's source
// (Linux 6.12; virtio 6.13, xe 6.19, and the two v1 ones as far as their behaviour is documented).
#pragma once

#include <optional>
#include <string_view>

#include "core/simulated/options.h"

namespace vfm {

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
};

std::optional<Personality> personalityNamed(std::string_view name);
const PersonalityFacts& factsOf(Personality personality);

// Options of a device like that, everything else at its default.
SimulatedOptions optionsAs(Personality personality);

}  // namespace vfm
