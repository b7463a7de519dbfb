// SPDX-License-Identifier: MIT
#include "core/simulated/migration_v2.h"

#include <cerrno>

namespace vfm {

namespace {

Activity activityIn(uint32_t state) {
  switch (state) {
    case v2::kRunning:
    case v2::kPreCopy:
      return Activity::kRunning;
    case v2::kRunningP2p:
    case v2::kPreCopyP2p:
      return Activity::kQuiet;
    default:
      return Activity::kStopped;
  }
}

}  // namespace

MigrationV2::MigrationV2(Machine& machine, const SimulatedOptions& options)
    : machine_(machine),
      flags_(v2::kFlagStopCopy | (options.p2p ? v2::kFlagP2p : 0) | (options.precopy ? v2::kFlagPreCopy : 0)),
      roundsByInfo_(options.roundsByInfo) {}

int MigrationV2::hop(uint32_t next) {
  if (state_ == v2::kResuming) {
    if (!load_->complete()) return EINVAL;
    machine_.restore(load_->registers());
  }
  int error = machine_.setActivity(activityIn(next));
  if (error != 0) return error;

  if (next == v2::kResuming) {
    if ((error = machine_.discard()) != 0) return error;
    load_ = std::make_shared<LoadStream>(machine_);
  }
  if (v2::isSaving(next) && !v2::isSaving(state_))
    save_ = std::make_shared<SaveStream>(machine_, roundsByInfo_);
  if (next == v2::kStopCopy) save_->stopRounds();
  if (!v2::isSaving(next) && save_) {
    save_->end();
    save_.reset();
  }
  if (next != v2::kResuming && load_) {
    load_->end();
    load_.reset();
  }
  state_ = next;
  return 0;
}

void MigrationV2::endSessions() {
  if (save_) save_->end();
  if (load_) load_->end();
  save_.reset();
  load_.reset();
}

void MigrationV2::enterError() {
  machine_.setActivity(Activity::kStopped);
  endSessions();
  state_ = v2::kError;
}

void MigrationV2::reset() {
  endSessions();
  state_ = v2::kRunning;
}

uint64_t MigrationV2::estimate() const {
  return save_ ? save_->estimate() : SaveStream::wholeEstimate(machine_.memoryBytes());
}

}  // namespace vfm
