// SPDX-License-Identifier: MIT
#include "core/kernel/kernel_session.h"

#include <fcntl.h>

#include <limits>

#include "core/device/stream_end.h"
#include "uapi/migration_v2.h"

namespace vfm::kernel {
namespace {

// epoll refuses (EPERM) what has no poll operation. poll() would not tell: it calls such a descriptor always
// ready.
bool canPoll(Sys& sys, int fd) {
  const int epoll = sys.epollCreate();
  if (epoll < 0) return false;
  Descriptor owner(sys, epoll);
  return sys.epollAdd(epoll, fd, EPOLLIN | EPOLLOUT) >= 0;
}

// The eventfd of a descriptor that is now non-blocking; invalid when it stays as it was.
Descriptor makeInterruptible(Sys& sys, int fd) {
  if (!canPoll(sys, fd)) return {};
  const int event = sys.eventfd();
  if (event < 0) return {};
  Descriptor wakeUp(sys, event);
  const int flags = sys.fcntl(fd, F_GETFL, 0);
  if (flags < 0 || sys.fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return {};
  return wakeUp;
}

}  // namespace

std::unique_ptr<KernelSession> KernelSession::make(const std::shared_ptr<DeviceHandle>& device,
                                                   Descriptor data) {
  Descriptor wakeUp = makeInterruptible(device->sys(), data.get());
  return std::make_unique<KernelSession>(device, std::move(data), std::move(wakeUp));
}

Result<ReadOutcome> KernelSession::read(Bytes into) {
  if (cancelled_) return cancelled("read of a save session");
  if (into.size == 0) {
    // 0 bytes into no room would look like the end of the data.
    return Failure::because(Reason::kInvalidArgument, "read of a save session", "no room to read into");
  }
  auto outcome = readStream([&] { return readOnce(into); }, [&] { return sampleState(); });
  if (cancelled_ && (!outcome || outcome->progress == Progress::kAgain))
    return cancelled("read of a save session");
  return outcome;
}

Result<size_t> KernelSession::readOnce(Bytes into) {
  auto attempt = [&] {
    return retryInterrupted([&] { return sys_.read(data_.get(), into.data, into.size); });
  };
  ssize_t moved = attempt();
  if (moved == -EAGAIN && wakeUp_.valid()) {
    awaitReady(POLLIN);
    if (!cancelled_) moved = attempt();
  }
  if (moved < 0) return Failure::system(static_cast<int>(-moved), "read", "read of a save session");
  return static_cast<size_t>(moved);
}

Result<uint32_t> KernelSession::sampleState() {
  auto device = device_.lock();
  if (!device) return Failure::because(Reason::kClosed, "read of a save session", "the device was closed");
  // While the state changes there is no state to judge by, and a read must not wait for one: nothing for now,
  // come again.
  std::unique_lock lock(device->stateChange(), std::try_to_lock);
  if (!lock.owns_lock()) return std::numeric_limits<uint32_t>::max();
  return device->migrationState();
}

Result<size_t> KernelSession::write(ConstBytes from) {
  if (cancelled_) return cancelled("write of a load session");
  if (from.size == 0) return size_t{0};
  for (;;) {
    const ssize_t moved = retryInterrupted([&] { return sys_.write(data_.get(), from.data, from.size); });
    if (moved > 0) return static_cast<size_t>(moved);
    if (moved == 0) return Failure::because(Reason::kShortTransfer, "write of a load session", "0 bytes");
    if (moved != -EAGAIN || !wakeUp_.valid()) {
      return Failure::system(static_cast<int>(-moved), "write", "write of a load session");
    }
    awaitReady(POLLOUT);
    if (cancelled_) return cancelled("write of a load session");
  }
}

Result<PrecopyInfo> KernelSession::precopyInfo() {
  // Zeroed every time: mlx5 copies the caller's struct in and sets only one of the two sizes.
  uapi::VfioPrecopyInfo info{};
  info.argsz = sizeof(info);
  const int result = retryInterrupted(
      [&] { return sys_.ioctl(data_.get(), uapi::kVfioMigGetPrecopyInfo, static_cast<void*>(&info)); });
  if (result < 0) return ioctlFailure(result, "VFIO_MIG_GET_PRECOPY_INFO");
  return PrecopyInfo{info.flags, info.initial_bytes, info.dirty_bytes};
}

void KernelSession::cancel() {
  cancelled_ = true;
  if (!wakeUp_.valid()) return;
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable already.
  (void)sys_.write(wakeUp_.get(), &one, sizeof(one));
}

void KernelSession::awaitReady(short events) {
  struct pollfd waits[2] = {{data_.get(), events, 0}, {wakeUp_.get(), POLLIN, 0}};
  (void)sys_.poll(waits, 2,
                  kPatienceMilliseconds);  // ready, woken, timed out or interrupted: the caller looks again
}

Failure KernelSession::cancelled(const char* operation) const {
  return Failure::because(Reason::kCancelled, operation);
}

}  // namespace vfm::kernel
