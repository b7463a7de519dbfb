// SPDX-License-Identifier: MIT
#include "core/io/file_lock.h"

#include <fcntl.h>

namespace vfm {
namespace {

struct flock wholeFile(short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

}  // namespace

Result<LockState> lockFile(int fd) {
  auto range = wholeFile(F_WRLCK);
  while (::fcntl(fd, F_OFD_SETLK, &range) != 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EACCES) return LockState::kHeldByAnother;
    return Failure::system(errno, "fcntl", "F_OFD_SETLK");
  }
  return LockState::kOurs;
}

Result<LockState> probeFileLock(int fd) {
  auto range = wholeFile(F_WRLCK);
  while (::fcntl(fd, F_OFD_GETLK, &range) != 0) {
    if (errno != EINTR) return Failure::system(errno, "fcntl", "F_OFD_GETLK");
  }
  return range.l_type == F_UNLCK ? LockState::kOurs : LockState::kHeldByAnother;
}

}  // namespace vfm
