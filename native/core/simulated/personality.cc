// SPDX-License-Identifier: MIT
#include "core/simulated/personality.h"

#include <cerrno>

namespace vfm {

namespace {

constexpr auto kV2 = SimulatedProtocol::kV2;
constexpr auto kEnomsg = DrainedConvention::kEnomsg;
constexpr auto kZero = DrainedConvention::kZero;

constexpr auto kBoth = PrecopyInfoStates::kBoth;
constexpr auto kNone = PrecopyInfoStates::kNone;
constexpr auto kOpen = PrecopyRounds::kOpen;

constexpr PersonalityFacts plain(Personality personality, const char* name) {
  return {personality, name,   kV2,   true,  true,  kEnomsg, false, V1Arcs::kFull, kOpen, kBoth, false,
          false,       EINVAL, false, false, false, 0,       0};
}

constexpr PersonalityFacts mlx5() {
  PersonalityFacts facts = plain(Personality::kMlx5, "mlx5");
  facts.roundsByInfo = true;
  facts.rounds = PrecopyRounds::kMlx5;
  facts.estimatesWhole = true;
  facts.savesBehindUser = true;
  facts.saveTime = 2;
  return facts;
}

constexpr PersonalityFacts hisiAcc() {
  PersonalityFacts facts = plain(Personality::kHisiAcc, "hisi_acc");
  facts.p2p = false;
  facts.drained = kZero;
  facts.rounds = PrecopyRounds::kPreface;
  facts.infoStates = PrecopyInfoStates::kPreCopy;
  facts.estimatesWhole = true;
  return facts;
}

constexpr PersonalityFacts pds() {
  PersonalityFacts facts = plain(Personality::kPds, "pds");
  facts.precopy = false;
  facts.drained = kZero;
  facts.infoStates = kNone;
  facts.estimatesWhole = true;
  facts.setInError = EIO;
  facts.stopEndsLog = true;
  facts.errorNeedsLog = true;
  return facts;
}

constexpr PersonalityFacts qat() {
  PersonalityFacts facts = plain(Personality::kQat, "qat");
  facts.drained = kZero;
  facts.rounds = PrecopyRounds::kPreface;
  facts.estimatesWhole = true;
  facts.suspendsInP2p = true;
  return facts;
}

constexpr PersonalityFacts virtio() {
  PersonalityFacts facts = plain(Personality::kVirtio, "virtio");
  facts.roundsByInfo = true;
  facts.rounds = PrecopyRounds::kWholeContext;
  facts.estimatesWhole = true;
  facts.dataSizeTime = 20;
  return facts;
}

constexpr PersonalityFacts xe() {
  PersonalityFacts facts = plain(Personality::kXe, "xe");
  facts.precopy = false;
  facts.drained = kZero;
  facts.infoStates = kNone;
  facts.estimatesWhole = true;
  facts.suspendsInP2p = true;
  return facts;
}

constexpr PersonalityFacts v1(Personality personality, const char* name, V1Arcs arcs) {
  PersonalityFacts facts = plain(personality, name);
  facts.protocol = SimulatedProtocol::kV1;
  facts.arcs = arcs;
  return facts;
}

// In the order of the enumeration.
constexpr PersonalityFacts kFacts[] = {
    plain(Personality::kPlain, "plain"),
    mlx5(),
    hisiAcc(),
    pds(),
    qat(),
    virtio(),
    xe(),
    v1(Personality::kI915, "i915", V1Arcs::kI915),
    v1(Personality::kLibvfioUser, "libvfio-user", V1Arcs::kLibvfioUser),
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
  options.saveTime = facts.saveTime;
  if (facts.dataSizeTime > 0) options.delays.push_back({Operation::kDataSize, "", facts.dataSizeTime});
  return options;
}

}  // namespace vfm
