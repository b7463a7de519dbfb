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

Status set(int fd, short type, const char* operation) {
  auto range = wholeFile(type);
  while (::fcntl(fd, F_OFD_SETLK, &range) != 0) {
    if (errno != EINTR) return Failure::system(errno, "fcntl", operation);
  }
  return Status::success();
}

}  // namespace

Result<LockState> lockFile(int fd) {
  Status locked = set(fd, F_WRLCK, "F_OFD_SETLK");
  if (locked) return LockState::kOurs;
  const int error = locked.failure().error;
  if (error == EAGAIN || error == EACCES) return LockState::kHeldByAnother;
  return std::move(locked).failure();
}

Result<LockState> probeFileLock(int fd) {
  auto range = wholeFile(F_WRLCK);
  while (::fcntl(fd, F_OFD_GETLK, &range) != 0) {
    if (errno != EINTR) return Failure::system(errno, "fcntl", "F_OFD_GETLK");
  }
  return range.l_type == F_UNLCK ? LockState::kOurs : LockState::kHeldByAnother;
}

Status unlockFile(int fd) { return set(fd, F_UNLCK, "F_OFD_SETLK F_UNLCK"); }

}  // namespace vfm
