// SPDX-License-Identifier: MIT
#include "core/events/event_fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace vfm {
namespace {

constexpr const char* kAdopt = "adoption of an eventfd";

// What /proc calls the descriptor; empty when it cannot say.
std::string kindOf(int descriptor) {
  char name[64];
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(path.c_str(), name, sizeof(name));
  return length < 0 ? std::string() : std::string(name, static_cast<size_t>(length));
}

}  // namespace

Result<std::shared_ptr<EventFd>> EventFd::create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return Failure::system(errno, "eventfd", "a new eventfd");
  return std::make_shared<EventFd>(std::move(fd));
}

Result<std::shared_ptr<EventFd>> EventFd::adopt(int descriptor) {
  UniqueFd fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!fd) return Failure::system(errno, "fcntl", kAdopt, "descriptor " + std::to_string(descriptor));
  const std::string kind = kindOf(fd.get());
  if (kind != "anon_inode:[eventfd]") {
    return Failure::because(Reason::kInvalidArgument, kAdopt,
                            "descriptor " + std::to_string(descriptor) + " is " +
                                (kind.empty() ? std::string("nothing that /proc knows") : kind));
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Failure::system(errno, "fcntl", kAdopt);
  if ((flags & O_NONBLOCK) == 0) {
    return Failure::because(
        Reason::kInvalidArgument, kAdopt,
        "descriptor " + std::to_string(descriptor) + " blocks: its owner has to make it with EFD_NONBLOCK");
  }
  return std::make_shared<EventFd>(std::move(fd));
}

Status EventFd::signal(uint64_t count) {
  if (count == 0 || count > UINT64_MAX - 1)
    return Failure::because(Reason::kInvalidArgument, "signal of an eventfd", std::to_string(count));
  for (;;) {
    if (::write(fd_.get(), &count, sizeof(count)) >= 0) return {};
    if (errno != EINTR) return Failure::system(errno, "write", "signal of an eventfd");
  }
}

Result<uint64_t> EventFd::take() {
  uint64_t count = 0;
  for (;;) {
    if (::read(fd_.get(), &count, sizeof(count)) >= 0) return count;
    if (errno == EAGAIN) return uint64_t{0};
    if (errno != EINTR) return Failure::system(errno, "read", "count of an eventfd");
  }
}

}  // namespace vfm
