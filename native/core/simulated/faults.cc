// SPDX-License-Identifier: MIT
#include "core/simulated/faults.h"

namespace vfm {

Faults::Faults(const SimulatedOptions& options) : delays_(options.delays) {
  for (const SimulatedFault& fault : options.faults) faults_.push_back({fault, 0});
  for (const SimulatedLie& lie : options.lies) lies_.push_back({lie, 0});
}

std::optional<Strike> Faults::strike(Operation operation, std::string_view argument) {
  std::optional<Strike> strike;
  for (auto& fault : faults_) {
    if (fault.rule.operation != operation) continue;
    if (!fault.rule.argument.empty() && fault.rule.argument != argument) continue;
    if (fault.due() && !strike) strike = Strike{fault.rule.error, fault.rule.outcome};
  }
  return strike;
}

uint32_t Faults::delay(Operation operation, std::string_view argument) const {
  for (const SimulatedDelay& delay : delays_) {
    if (delay.operation == operation && delay.argument == argument) return delay.milliseconds;
  }
  return 0;
}

uint64_t Faults::claim(std::string_view name, uint64_t truth) {
  for (auto& lie : lies_) {
    if (lie.rule.name == name && lie.due()) return lie.rule.value;
  }
  return truth;
}

}  // namespace vfm
