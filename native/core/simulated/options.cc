// SPDX-License-Identifier: MIT
#include "core/simulated/options.h"

namespace vfm {

namespace {
struct Named {
  const char* name;
  Operation operation;
};
constexpr Named kOperations[] = {
    {"info", Operation::kInfo},
    {"region-info", Operation::kRegionInfo},
    {"irq-info", Operation::kIrqInfo},
    {"set-irqs", Operation::kSetIrqs},
    {"reset", Operation::kReset},
    {"register-read", Operation::kRegisterRead},
    {"register-write", Operation::kRegisterWrite},
    {"map", Operation::kMap},
    {"set-state", Operation::kSetState},
    {"get-state", Operation::kGetState},
    {"read", Operation::kRead},
    {"write", Operation::kWrite},
    {"precopy-info", Operation::kPrecopyInfo},
    {"data-size", Operation::kDataSize},
    {"migration-flags", Operation::kMigrationFlags},
    {"dma-log-start", Operation::kDmaLogStart},
    {"dma-log-report", Operation::kDmaLogReport},
    {"dma-log-stop", Operation::kDmaLogStop},
};
}  // namespace

std::optional<Operation> operationNamed(std::string_view name) {
  for (const Named& known : kOperations) {
    if (name == known.name) return known.operation;
  }
  return std::nullopt;
}

const char* operationName(Operation operation) {
  for (const Named& known : kOperations) {
    if (operation == known.operation) return known.name;
  }
  return "";
}

std::optional<EventKind> eventNamed(std::string_view name) {
  if (name == "async-error") return EventKind::kError;
  if (name == "pf-gone") return EventKind::kPeerGone;
  if (name == "save-fails") return EventKind::kSaveFails;
  if (name == "abort-fails") return EventKind::kAbortFails;
  return std::nullopt;
}

bool movesBytes(Operation operation) {
  return operation == Operation::kRead || operation == Operation::kWrite ||
         operation == Operation::kRegisterRead || operation == Operation::kRegisterWrite;
}

}  // namespace vfm
