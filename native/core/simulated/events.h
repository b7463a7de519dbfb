// SPDX-License-Identifier: MIT
// When something happens to a device without anybody asking for it. Not thread-safe (the device's lock guards
// it).
#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "core/simulated/ledger.h"
#include "core/simulated/options.h"

namespace vfm {

class Events {
 public:
  using Clock = std::chrono::steady_clock;

  Events(const SimulatedOptions& options, std::shared_ptr<Ledger> ledger);

  struct Due {
    size_t which;  // as happened() wants it
    EventKind kind;
  };
  // What happens right before this call; each event once.
  std::vector<Due> before(Operation operation, std::string_view argument);
  // It had an effect.
  void happened(size_t which) { ledger_->struck(Ledger::Kind::kEvent, which); }

 private:
  struct Pending {
    SimulatedEvent event;
    uint32_t calls = 0;
    bool over = false;
  };
  std::vector<Pending> events_;
  std::shared_ptr<Ledger> ledger_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace vfm
