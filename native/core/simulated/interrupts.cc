// SPDX-License-Identifier: MIT
#include "core/simulated/interrupts.h"

#include <cerrno>
#include <utility>

#include "uapi/irq.h"
#include "uapi/pci.h"

namespace vfm {
namespace {

constexpr uint32_t kIntx = uapi::kVfioPciIntxIrqIndex;
constexpr uint32_t kMsi = uapi::kVfioPciMsiIrqIndex;
constexpr uint32_t kMsix = uapi::kVfioPciMsixIrqIndex;
constexpr uint32_t kError = uapi::kVfioPciErrIrqIndex;
constexpr uint32_t kRequest = uapi::kVfioPciReqIrqIndex;

// From the device's side nothing can be done about an eventfd that takes no more.
void signal(const std::shared_ptr<EventFd>& event) { static_cast<void>(event->signal(1)); }

int errorOf(const Failure& failure) { return failure.error != 0 ? failure.error : EINVAL; }

uint32_t countOf(const IrqRequest& request) {
  if (const auto* all = std::get_if<IrqsAll>(&request.data)) return all->count;
  if (const auto* chosen = std::get_if<IrqsChosen>(&request.data))
    return static_cast<uint32_t>(chosen->size());
  return static_cast<uint32_t>(std::get<IrqDescriptors>(request.data).size());
}

}  // namespace

// What an eventfd that unmasks INTx does when it is signalled. The lock keeps the interrupts alive for as
// long as a call is under way.
class Interrupts::Unmasker final : public Reactor::Listener {
 public:
  explicit Unmasker(Interrupts* interrupts) : interrupts_(interrupts) {}
  void signalled(uint64_t) override {
    Lock lock(mutex_);
    if (!interrupts_) return;
    interrupts_->unmask();
    if (auto watch = watch_.lock()) static_cast<void>(watch->arm());
  }
  Status start(const std::shared_ptr<Reactor::Watch>& watch) {
    Lock lock(mutex_);
    watch_ = watch;
    return watch->arm();
  }
  void stop() {
    Lock lock(mutex_);
    interrupts_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Interrupts* interrupts_;
  std::weak_ptr<Reactor::Watch> watch_;
};

Interrupts::~Interrupts() {
  if (unmasker_) unmasker_->stop();
}

bool Interrupts::exclusive(uint32_t index) { return index <= kMsix; }

std::optional<IrqInfo> Interrupts::describe(uint32_t index) {
  const uint32_t fixed = uapi::kVfioIrqInfoEventfd | uapi::kVfioIrqInfoNoresize;
  switch (index) {
    case kIntx:
      return IrqInfo{
          index, uapi::kVfioIrqInfoEventfd | uapi::kVfioIrqInfoMaskable | uapi::kVfioIrqInfoAutomasked, 1};
    case kMsi:
      return IrqInfo{index, fixed, kMsiVectors};
    case kMsix:
      return IrqInfo{index, uapi::kVfioIrqInfoEventfd, kMsixVectors};
    case kError:
    case kRequest:
      return IrqInfo{index, fixed, 1};
    default:
      return std::nullopt;
  }
}

int Interrupts::set(const IrqRequest& request) {
  const auto info = describe(request.index);
  const uint32_t count = countOf(request);
  if (!info || request.start >= info->count || count > info->count - request.start) return EINVAL;
  if (request.action == IrqAction::kTrigger) {
    // Taking INTx away ends what unmasked it.
    if (request.index == kIntx && count == 0) setUnmaskEvent(-1);
    return setVectors(request);
  }
  if (request.index != kIntx) return ENOTTY;
  if (count != 1) return EINVAL;
  if (const auto* descriptors = std::get_if<IrqDescriptors>(&request.data)) {
    if (request.action == IrqAction::kMask) return ENOTTY;
    {
      Lock lock(mutex_);
      if (armed_.count(kIntx) == 0) return EINVAL;
    }
    return setUnmaskEvent((*descriptors)[0]);
  }
  return setLineMask(request);
}

int Interrupts::setVectors(const IrqRequest& request) {
  Lock lock(mutex_);
  const uint32_t index = request.index;
  const uint32_t count = countOf(request);
  auto armed = armed_.find(index);
  if (const auto* descriptors = std::get_if<IrqDescriptors>(&request.data)) {
    if (count == 0) return EINVAL;
    if (exclusive(index) && armed == armed_.end()) {
      for (const auto& other : armed_) {
        if (exclusive(other.first)) return EINVAL;
      }
    }
    return arm(index, request.start, *descriptors);
  }
  if (armed == armed_.end()) return EINVAL;
  const auto* chosen = std::get_if<IrqsChosen>(&request.data);
  if (count == 0) {
    if (chosen) return EINVAL;
    armed_.erase(armed);
    sizes_.erase(index);
    if (index == kIntx) masked_ = false;
    return 0;
  }
  for (uint32_t i = 0; i < count; ++i) {
    auto vector = armed->second.find(request.start + i);
    if (vector != armed->second.end() && (!chosen || (*chosen)[i])) signal(vector->second);
  }
  return 0;
}

// All of them or none: what was armed before stays when a descriptor is wrong.
int Interrupts::arm(uint32_t index, uint32_t start, const IrqDescriptors& descriptors) {
  const uint32_t end = start + static_cast<uint32_t>(descriptors.size());
  auto size = sizes_.find(index);
  const bool fixed = (describe(index)->flags & uapi::kVfioIrqInfoNoresize) != 0;
  if (size != sizes_.end() && fixed && end > size->second) return EINVAL;
  Vectors fresh;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    if (descriptors[i] < -1) return EINVAL;
    if (descriptors[i] == -1) continue;
    auto event = EventFd::adopt(descriptors[i]);
    if (!event.ok()) return errorOf(event.failure());
    fresh.emplace(start + static_cast<uint32_t>(i), std::move(*event));
  }
  Vectors& vectors = armed_[index];
  if (size == sizes_.end()) sizes_[index] = end;
  for (uint32_t vector = start; vector < end; ++vector) vectors.erase(vector);
  for (auto& each : fresh) vectors[each.first] = std::move(each.second);
  // The two notifiers have no state between armed and not.
  if (!exclusive(index) && vectors.empty()) {
    armed_.erase(index);
    sizes_.erase(index);
  }
  if (index == kIntx && line_ && !masked_ && !disabled_) deliverLine();
  return 0;
}

int Interrupts::setLineMask(const IrqRequest& request) {
  const auto* chosen = std::get_if<IrqsChosen>(&request.data);
  {
    Lock lock(mutex_);
    if (armed_.count(kIntx) == 0) return EINVAL;
    if (chosen && !(*chosen)[0]) return 0;
    if (request.action == IrqAction::kMask) {
      masked_ = true;
      return 0;
    }
  }
  unmask();
  return 0;
}

int Interrupts::setUnmaskEvent(int descriptor) {
  Lock lock(unmasking_);
  if (descriptor < 0) {
    if (unmasker_) unmasker_->stop();
    unmasker_.reset();
    unmaskWatch_.reset();
    return 0;
  }
  if (unmasker_) return EBUSY;
  auto event = EventFd::adopt(descriptor);
  if (!event.ok()) return errorOf(event.failure());
  if (!reactor_) {
    auto reactor = Reactor::create();
    if (!reactor.ok()) return reactor.failure().error;
    reactor_ = std::move(*reactor);
  }
  auto unmasker = std::make_shared<Unmasker>(this);
  auto watch = reactor_->watch(std::move(*event), unmasker);
  if (!watch.ok()) return watch.failure().error;
  unmaskWatch_ = std::move(*watch);
  unmasker_ = std::move(unmasker);
  Status started = unmasker_->start(unmaskWatch_);
  return started.ok() ? 0 : started.failure().error;
}

void Interrupts::unmask() {
  Lock lock(mutex_);
  masked_ = false;
  // A line that is still up interrupts again at once.
  if (line_ && !disabled_) deliverLine();
}

void Interrupts::deliverLine() {
  auto armed = armed_.find(kIntx);
  if (armed == armed_.end()) return;
  masked_ = true;
  for (const auto& vector : armed->second) signal(vector.second);
}

int Interrupts::raise(uint32_t index, uint32_t vector, bool busMaster) {
  Lock lock(mutex_);
  const auto info = describe(index);
  if (!info || vector >= info->count) return EINVAL;
  if (index == kIntx) {
    line_ = true;
    if (!masked_ && !disabled_) deliverLine();
    return 0;
  }
  if ((index == kMsi || index == kMsix) && !busMaster) return 0;
  auto armed = armed_.find(index);
  if (armed == armed_.end()) return 0;
  auto found = armed->second.find(vector);
  if (found != armed->second.end()) signal(found->second);
  return 0;
}

bool Interrupts::lineIsUp() const {
  Lock lock(mutex_);
  return line_;
}

void Interrupts::lowerLine() {
  Lock lock(mutex_);
  line_ = false;
}

void Interrupts::disableLine(bool disabled) {
  Lock lock(mutex_);
  const bool enabled = disabled_ && !disabled;
  disabled_ = disabled;
  if (enabled && line_ && !masked_) deliverLine();
}

}  // namespace vfm
