// SPDX-License-Identifier: MIT
#include "core/simulated/events.h"

namespace vfm {

Events::Events(const SimulatedOptions& options, std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {
  for (const SimulatedEvent& event : options.events) {
    events_.push_back({event});
    ledger_->added(Ledger::Kind::kEvent);
  }
}

std::vector<Events::Due> Events::before(Operation operation, std::string_view argument) {
  std::vector<Due> due;
  for (size_t i = 0; i < events_.size(); ++i) {
    Pending& pending = events_[i];
    const SimulatedEvent& event = pending.event;
    if (pending.over) continue;
    if (event.milliseconds) {
      pending.over = Clock::now() - start_ >= std::chrono::milliseconds(*event.milliseconds);
    } else if (event.operation == operation && (event.argument.empty() || event.argument == argument)) {
      pending.over = ++pending.calls >= event.nth;
    }
    if (pending.over) due.push_back({i, event.kind});
  }
  return due;
}

}  // namespace vfm
