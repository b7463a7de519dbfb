// SPDX-License-Identifier: MIT
#include "core/data/rate_limit.h"

#include <poll.h>

#include <algorithm>
#include <cmath>

namespace vfm {
namespace {

// How long a change of the rate, or an interruption, may go unnoticed.
constexpr double kSlice = 0.02;  // seconds

}  // namespace

RateLimit::RateLimit(uint64_t bytesPerSecond, uint64_t burst)
    : limited_(bytesPerSecond > 0),
      rate_(static_cast<double>(bytesPerSecond)),
      burst_(static_cast<double>(burst)),
      level_(burst_),
      filled_(Clock::now()) {}

void RateLimit::set(uint64_t bytesPerSecond, uint64_t burst) {
  std::lock_guard<std::mutex> lock(mutex_);
  refill();
  rate_ = static_cast<double>(bytesPerSecond);
  burst_ = static_cast<double>(burst);
  level_ = std::min(level_, burst_);
  limited_.store(bytesPerSecond > 0, std::memory_order_relaxed);
}

void RateLimit::refill() {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  filled_ = now;
  level_ = std::min(burst_, level_ + rate_ * seconds);
}

Status RateLimit::admit(const Cancellation& cancellation, const std::atomic<bool>& interrupted) {
  for (;;) {
    if (cancellation.cancelled()) return Failure::because(Reason::kCancelled, "wait for the rate limit");
    if (!limited_.load(std::memory_order_relaxed) || interrupted.load(std::memory_order_relaxed)) break;
    double wait = kSlice;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      refill();
      if (level_ > 0 || rate_ <= 0) break;
      wait = std::min(wait, -level_ / rate_);
    }
    // A debt of nothing is a whole one all the same: the next byte has to flow in.
    const auto pause = static_cast<long>(std::ceil(wait * 1e9)) + 1;
    const timespec time{pause / 1'000'000'000, pause % 1'000'000'000};
    pollfd watched{cancellation.fd(), POLLIN, 0};
    (void)::ppoll(&watched, 1, &time, nullptr);
  }
  return Status::success();
}

void RateLimit::pay(uint64_t bytes) {
  if (!limited_.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  refill();
  level_ -= static_cast<double>(bytes);
}

}  // namespace vfm
