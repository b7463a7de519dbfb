// SPDX-License-Identifier: MIT
#include "core/simulated/precopy_policy.h"

#include <optional>

#include "core/simulated/personality.h"

namespace vfm {

namespace {

// Changed pages are there to be read at once, and asking has no side effect.
class OpenRounds : public PrecopyPolicy {
 public:
  PrecopyInfo answer(SaveProgress& progress, const Unsent& unsent, bool, bool&) override {
    PrecopyInfo info;
    info.initialBytes = progress.firstPassBytes() + unsent.header;
    info.dirtyBytes = progress.dirtyBytes();
    return info;
  }
};

// Asking begins a round.
class RoundsByInfo final : public OpenRounds {
 public:
  bool roundsOnDemand() const override { return true; }
  PrecopyInfo answer(SaveProgress& progress, const Unsent& unsent, bool quiesced, bool& began) override {
    progress.beginRound();
    began = true;
    return OpenRounds::answer(progress, unsent, quiesced, began);
  }
};

// mlx5vf_precopy_ioctl(): one of the two sizes and never both; new changes count, and are saved, only while
// the device runs, and are saved only when all that was saved before has been read.
class Mlx5Rounds final : public PrecopyPolicy {
 public:
  bool roundsOnDemand() const override { return true; }
  PrecopyInfo answer(SaveProgress& progress, const Unsent& unsent, bool quiesced, bool& began) override {
    PrecopyInfo info;
    info.initialBytes = progress.firstPassBytes() + unsent.header;
    if (info.initialBytes > 0) return info;
    const uint64_t saved = progress.roundBytes() + unsent.inFlight;
    const uint64_t fresh = quiesced ? 0 : progress.changedBytes();
    info.dirtyBytes = saved + fresh;
    if (saved == 0 && fresh > 0) {
      progress.beginRound();
      began = true;
    }
    return info;
  }
};

// virtio has no notion of what changed: once a second at most, asking finds the whole context to be new, and
// the last save is of the whole context too.
class WholeContext final : public PrecopyPolicy {
 public:
  bool roundsOnDemand() const override { return true; }
  PrecopyInfo answer(SaveProgress& progress, const Unsent& unsent, bool, bool& began) override {
    PrecopyInfo info;
    const Clock::time_point now = Clock::now();
    const bool asks = !asked_ || now - *asked_ >= std::chrono::seconds(1);
    if (asks) asked_ = now;
    info.initialBytes = progress.firstPassBytes() + unsent.header;
    if (info.initialBytes > 0) return info;
    const uint64_t saved = progress.roundBytes() + unsent.inFlight;
    info.dirtyBytes = saved + (asks ? progress.size() : 0);
    if (saved == 0 && asks) {
      progress.touched(0, progress.size());
      progress.beginRound();
      began = true;
    }
    return info;
  }
  void stopped(SaveProgress& progress) override {
    progress.touched(0, progress.size());
    progress.stopRounds();
  }

 private:
  std::optional<Clock::time_point> asked_;
};

// hisi_acc's match data, qat's set-up: what shows whether the target fits, and nothing of the state.
class PrefaceOnly final : public PrecopyPolicy {
 public:
  bool sendsMemory() const override { return false; }
  PrecopyInfo answer(SaveProgress&, const Unsent& unsent, bool, bool&) override {
    PrecopyInfo info;
    info.initialBytes = unsent.header + unsent.inFlight;
    return info;
  }
};

}  // namespace

std::unique_ptr<PrecopyPolicy> precopyPolicyOf(const SimulatedOptions& options) {
  const PrecopyRounds rounds = factsOf(options.personality).rounds;
  if (rounds == PrecopyRounds::kPreface) return std::make_unique<PrefaceOnly>();
  if (!options.roundsByInfo) return std::make_unique<OpenRounds>();
  if (rounds == PrecopyRounds::kMlx5) return std::make_unique<Mlx5Rounds>();
  if (rounds == PrecopyRounds::kWholeContext) return std::make_unique<WholeContext>();
  return std::make_unique<RoundsByInfo>();
}

}  // namespace vfm
