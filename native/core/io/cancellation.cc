// SPDX-License-Identifier: MIT
#include "core/io/cancellation.h"

#include <sys/eventfd.h>

#include <cstdint>

namespace vfm {

Result<std::shared_ptr<Cancellation>> Cancellation::create() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return Failure::system(errno, "eventfd", "create a cancellation");
  return std::shared_ptr<Cancellation>(new Cancellation(std::move(event)));
}

void Cancellation::cancel() noexcept {
  if (cancelled_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  // A write of 1 to an eventfd that was never written cannot fail but by a signal.
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace vfm
