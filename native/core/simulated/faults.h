// SPDX-License-Identifier: MIT
// Which call is to fail, to take long, or to lie. Counts calls; not thread-safe (the device's lock guards
// it).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/simulated/options.h"

namespace vfm {

struct Strike {
  int error = 0;
  FaultOutcome outcome = FaultOutcome::kKeep;
};

class Faults {
 public:
  explicit Faults(const SimulatedOptions& options);

  // Counts this call against every fault that matches it; the first that is due says how the call fails.
  std::optional<Strike> strike(Operation operation, std::string_view argument = {});

  // Milliseconds; 0 for none. `argument` empty asks for delays that name none, anything else for those that
  // name it.
  uint32_t delay(Operation operation, std::string_view argument = {}) const;

  // What the device says when the truth is `truth`.
  uint64_t claim(std::string_view name, uint64_t truth);

  void add(SimulatedFault fault) { faults_.push_back({std::move(fault), 0}); }

 private:
  template <typename T>
  struct Counted {
    T rule;
    uint64_t calls = 0;
    bool due() {
      ++calls;
      return calls >= rule.nth && calls - rule.nth < rule.count;
    }
  };
  std::vector<Counted<SimulatedFault>> faults_;
  std::vector<SimulatedDelay> delays_;
  std::vector<Counted<SimulatedLie>> lies_;
};

}  // namespace vfm
