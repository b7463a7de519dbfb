// SPDX-License-Identifier: MIT
// Which call is to fail, to hang, to move less than it could, to take long, or to lie. Counts calls; not
// thread-safe (the device's lock guards it), except for the ledger, which anybody may read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/simulated/ledger.h"
#include "core/simulated/options.h"

namespace vfm {

struct Strike {
  FaultKind kind = FaultKind::kErrno;
  int error = 0;
  FaultOutcome outcome = FaultOutcome::kKeep;
  std::optional<uint64_t> bytes;

  // kShort: what is left of a transfer of `size` bytes that moves at least `least` of them.
  size_t shortOf(size_t size, size_t least) const;
};

class Faults {
 public:
  explicit Faults(const SimulatedOptions& options);

  // Counts this call, and against every fault that matches it; the first that is due says how the call goes.
  std::optional<Strike> strike(Operation operation, std::string_view argument = {});

  // Milliseconds; 0 for none. `argument` empty asks for delays that name none, anything else for those that
  // name it. Counts as a strike.
  uint32_t delay(Operation operation, std::string_view argument = {});

  // What the device says when the truth is `truth`.
  uint64_t claim(std::string_view name, uint64_t truth);

  void add(SimulatedFault fault);

  const std::shared_ptr<Ledger>& ledger() const { return ledger_; }

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
  std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();
};

}  // namespace vfm
