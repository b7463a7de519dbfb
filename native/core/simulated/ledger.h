// SPDX-License-Identifier: MIT
// What was asked of a simulated device and what was made to go wrong: a count of every call, and of every
// fault, delay, lie and event how often it struck. Has its own lock and outlives the device, so that whoever
// tests with it can ask at any time.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/simulated/options.h"

namespace vfm {

struct OperationCount {
  Operation operation = Operation::kInfo;
  std::string argument;
  uint64_t calls = 0;
};

class Ledger {
 public:
  enum class Kind : uint8_t { kFault, kDelay, kLie, kEvent };

  void called(Operation operation, std::string_view argument);
  // The next one of its kind, in the order in which they were asked for.
  void added(Kind kind);
  void struck(Kind kind, size_t which);

  // Sorted by operation, then argument.
  std::vector<OperationCount> operations() const;
  std::vector<uint64_t> strikes(Kind kind) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<Operation, std::string>, uint64_t> calls_;
  std::vector<uint64_t> strikes_[4];
};

}  // namespace vfm
