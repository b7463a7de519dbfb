// SPDX-License-Identifier: MIT
#include "core/simulated/migration_v2.h"

#include <cerrno>

namespace vfm {

namespace {

Activity activityIn(uint32_t state, bool suspendsInP2p) {
  switch (state) {
    case v2::kRunning:
    case v2::kPreCopy:
      return Activity::kRunning;
    case v2::kRunningP2p:
    case v2::kPreCopyP2p:
      return suspendsInP2p ? Activity::kSuspended : Activity::kQuiet;
    default:
      return Activity::kStopped;
  }
}

}  // namespace

MigrationV2::MigrationV2(Machine& machine, const SimulatedOptions& options)
    : machine_(machine),
      options_(options),
      facts_(factsOf(options.personality)),
      flags_(v2::kFlagStopCopy | (options.p2p ? v2::kFlagP2p : 0) |
             (options.precopy ? v2::kFlagPreCopy : 0)) {}

int MigrationV2::hop(uint32_t next) {
  bool losesSession = false;
  int error = hidden_.refusal(state_, next, save_ && save_->failed(), losesSession);
  if (losesSession) endSessions();
  if (error != 0) return error;
  if (state_ == v2::kResuming) {
    if ((error = load_->finish()) != 0) return error;
    if (load_->complete()) machine_.restore(load_->registers());
  }
  if ((error = machine_.setActivity(activityIn(next, facts_.suspendsInP2p))) != 0) return error;
  if (state_ == v2::kStopCopy && facts_.stopEndsLog) machine_.dma().log().end();

  if (next == v2::kResuming) {
    if ((error = machine_.discard()) != 0) return error;
    load_ = std::make_shared<LoadStream>(machine_, options_.personality);
  }
  if (v2::isSaving(next) && !v2::isSaving(state_)) save_ = std::make_shared<SaveStream>(machine_, options_);
  if (next == v2::kStopCopy) save_->stopped();
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
  if (facts_.errorNeedsLog) machine_.dma().log().end();
  endSessions();
  state_ = v2::kError;
}

bool MigrationV2::happen(EventKind kind) {
  switch (kind) {
    case EventKind::kError:
      if (state_ == v2::kError) return false;
      if (facts_.errorNeedsLog && state_ == v2::kRunning && !machine_.dma().log().active()) return false;
      enterError();
      return true;
    case EventKind::kPeerGone:
      hidden_.loseFunction();
      return true;
    case EventKind::kSaveFails:
      if (!save_ || save_->failed()) return false;
      save_->fail();
      return true;
    case EventKind::kAbortFails:
      hidden_.failAbort();
      return true;
  }
  return false;
}

int MigrationV2::precopyInfoRefusal() const {
  if (facts_.infoStates == PrecopyInfoStates::kNone) return ENOTTY;
  const bool valid =
      facts_.infoStates == PrecopyInfoStates::kPreCopy ? state_ == v2::kPreCopy : v2::isPreCopy(state_);
  if (!valid) return EINVAL;
  return hidden_.functionGone() && state_ == v2::kPreCopy ? ENOTCONN : 0;
}

void MigrationV2::reset() {
  hidden_.reset();
  endSessions();
  state_ = v2::kRunning;
}

uint64_t MigrationV2::estimate() const {
  return save_ && !facts_.estimatesWhole ? save_->estimate()
                                         : SaveStream::wholeEstimate(machine_.memoryBytes());
}

}  // namespace vfm
