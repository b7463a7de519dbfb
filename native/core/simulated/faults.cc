// SPDX-License-Identifier: MIT
#include "core/simulated/faults.h"

#include <algorithm>

namespace vfm {

size_t Strike::shortOf(size_t size, size_t least) const {
  const uint64_t wanted = bytes ? *bytes : std::max<uint64_t>(size / 2, least);
  return static_cast<size_t>(std::min<uint64_t>(wanted, size));
}

Faults::Faults(const SimulatedOptions& options) : delays_(options.delays) {
  for (const SimulatedFault& fault : options.faults) add(fault);
  for (size_t i = 0; i < delays_.size(); ++i) ledger_->added(Ledger::Kind::kDelay);
  for (const SimulatedLie& lie : options.lies) {
    lies_.push_back({lie, 0});
    ledger_->added(Ledger::Kind::kLie);
  }
}

void Faults::add(SimulatedFault fault) {
  faults_.push_back({std::move(fault), 0});
  ledger_->added(Ledger::Kind::kFault);
}

std::optional<Strike> Faults::strike(Operation operation, std::string_view argument) {
  ledger_->called(operation, argument);
  std::optional<Strike> strike;
  for (size_t i = 0; i < faults_.size(); ++i) {
    const SimulatedFault& rule = faults_[i].rule;
    if (rule.operation != operation) continue;
    if (!rule.argument.empty() && rule.argument != argument) continue;
    if (!faults_[i].due() || strike) continue;
    strike = Strike{rule.kind, rule.error, rule.outcome, rule.bytes};
    ledger_->struck(Ledger::Kind::kFault, i);
  }
  return strike;
}

uint32_t Faults::delay(Operation operation, std::string_view argument) {
  for (size_t i = 0; i < delays_.size(); ++i) {
    const SimulatedDelay& delay = delays_[i];
    if (delay.operation != operation || delay.argument != argument) continue;
    ledger_->struck(Ledger::Kind::kDelay, i);
    return delay.milliseconds;
  }
  return 0;
}

uint64_t Faults::claim(std::string_view name, uint64_t truth) {
  for (size_t i = 0; i < lies_.size(); ++i) {
    if (lies_[i].rule.name != name || !lies_[i].due()) continue;
    ledger_->struck(Ledger::Kind::kLie, i);
    return lies_[i].rule.value;
  }
  return truth;
}

}  // namespace vfm
