// SPDX-License-Identifier: MIT
#include "core/simulated/v1_rules.h"

#include <cerrno>

namespace vfm {

namespace {
constexpr V1Rules kPlain = {EPERM, false, false, false};
constexpr V1Rules kI915 = {EPERM, true, true, true};
constexpr V1Rules kLibvfioUser = {EINVAL, false, false, false};
}  // namespace

const V1Rules& v1RulesOf(Personality personality) {
  switch (personality) {
    case Personality::kI915:
      return kI915;
    case Personality::kLibvfioUser:
      return kLibvfioUser;
    default:
      return kPlain;
  }
}

}  // namespace vfm
