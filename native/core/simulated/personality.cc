// SPDX-License-Identifier: MIT
#include "core/simulated/personality.h"

namespace vfm {

namespace {

constexpr auto kV1 = SimulatedProtocol::kV1;
constexpr auto kV2 = SimulatedProtocol::kV2;
constexpr auto kEnomsg = DrainedConvention::kEnomsg;
constexpr auto kZero = DrainedConvention::kZero;

// In the order of the enumeration.
constexpr PersonalityFacts kFacts[] = {
    // personality, name, protocol, pre-copy, P2P, drained, rounds by info, v1 arcs
    {Personality::kPlain, "plain", kV2, true, true, kEnomsg, false, V1Arcs::kFull},
    {Personality::kMlx5, "mlx5", kV2, true, true, kEnomsg, true, V1Arcs::kFull},
    {Personality::kHisiAcc, "hisi_acc", kV2, true, false, kZero, false, V1Arcs::kFull},
    {Personality::kPds, "pds", kV2, false, true, kZero, false, V1Arcs::kFull},
    {Personality::kQat, "qat", kV2, true, true, kZero, false, V1Arcs::kFull},
    {Personality::kVirtio, "virtio", kV2, true, true, kEnomsg, true, V1Arcs::kFull},
    {Personality::kXe, "xe", kV2, false, true, kZero, false, V1Arcs::kFull},
    {Personality::kI915, "i915", kV1, true, false, kZero, false, V1Arcs::kI915},
    {Personality::kLibvfioUser, "libvfio-user", kV1, true, false, kZero, false, V1Arcs::kLibvfioUser},
};

}  // namespace

std::optional<Personality> personalityNamed(std::string_view name) {
  for (const PersonalityFacts& facts : kFacts) {
    if (name == facts.name) return facts.personality;
  }
  return std::nullopt;
}

const PersonalityFacts& factsOf(Personality personality) { return kFacts[static_cast<size_t>(personality)]; }

SimulatedOptions optionsAs(Personality personality) {
  const PersonalityFacts& facts = factsOf(personality);
  SimulatedOptions options;
  options.personality = personality;
  options.protocol = facts.protocol;
  options.precopy = facts.precopy;
  options.p2p = facts.p2p;
  options.drained = facts.drained;
  options.roundsByInfo = facts.roundsByInfo;
  options.arcs = facts.arcs;
  return options;
}

}  // namespace vfm
