// SPDX-License-Identifier: MIT
#include "core/simulated/ledger.h"

namespace vfm {

void Ledger::called(Operation operation, std::string_view argument) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++calls_[{operation, std::string(argument)}];
}

void Ledger::added(Kind kind) {
  std::lock_guard<std::mutex> lock(mutex_);
  strikes_[static_cast<size_t>(kind)].push_back(0);
}

void Ledger::struck(Kind kind, size_t which) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++strikes_[static_cast<size_t>(kind)][which];
}

std::vector<OperationCount> Ledger::operations() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<OperationCount> counts;
  for (const auto& [call, calls] : calls_) counts.push_back({call.first, call.second, calls});
  return counts;
}

std::vector<uint64_t> Ledger::strikes(Kind kind) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return strikes_[static_cast<size_t>(kind)];
}

}  // namespace vfm
