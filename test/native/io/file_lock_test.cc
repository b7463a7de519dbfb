// SPDX-License-Identifier: MIT
#include "core/io/file_lock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/unique_fd.h"

using namespace vfm;

namespace {

struct LockedFile {
  LockedFile() : first(::mkostemp(path, O_CLOEXEC)) { REQUIRE(first.valid()); }
  ~LockedFile() { ::unlink(path); }
  UniqueFd again(int flags = O_RDWR) const { return UniqueFd(::open(path, flags | O_CLOEXEC)); }

  char path[32] = "/tmp/vfm-lock-XXXXXX";
  UniqueFd first;
};

LockState stateOf(Result<LockState> state) {
  REQUIRE(state.ok());
  return *state;
}

}  // namespace

TEST_CASE("a lock is held against other descriptions of the file, and taken twice by its own") {
  LockedFile file;
  const UniqueFd other = file.again();
  CHECK(stateOf(probeFileLock(other.get())) == LockState::kOurs);
  CHECK(stateOf(lockFile(file.first.get())) == LockState::kOurs);
  CHECK(stateOf(lockFile(file.first.get())) == LockState::kOurs);
  CHECK(stateOf(probeFileLock(file.first.get())) == LockState::kOurs);
  CHECK(stateOf(lockFile(other.get())) == LockState::kHeldByAnother);
  CHECK(stateOf(probeFileLock(other.get())) == LockState::kHeldByAnother);
  file.first.reset();
  CHECK(stateOf(lockFile(other.get())) == LockState::kOurs);
}

TEST_CASE("a lock goes with the last duplicate, not with the first") {
  LockedFile file;
  const UniqueFd other = file.again();
  UniqueFd copy(::fcntl(file.first.get(), F_DUPFD_CLOEXEC, 0));
  CHECK(stateOf(lockFile(file.first.get())) == LockState::kOurs);
  file.first.reset();
  CHECK(stateOf(lockFile(other.get())) == LockState::kHeldByAnother);
  copy.reset();
  CHECK(stateOf(lockFile(other.get())) == LockState::kOurs);
}

TEST_CASE("a lock goes with its process, however that ends") {
  const LockedFile file;
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(file.path, O_RDWR | O_CLOEXEC);
    const char locked = lockFile(fd).ok() ? 'y' : 'n';
    (void)!::write(ready[1], &locked, 1);
    for (;;) ::pause();
  }
  REQUIRE(child > 0);
  char locked = 0;
  REQUIRE(::read(ready[0], &locked, 1) == 1);
  CHECK(locked == 'y');
  CHECK(stateOf(lockFile(file.first.get())) == LockState::kHeldByAnother);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(stateOf(lockFile(file.first.get())) == LockState::kOurs);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a descriptor that cannot be written to cannot lock") {
  const LockedFile file;
  CHECK(lockFile(file.again(O_RDONLY).get()).failure().error == EBADF);
  CHECK(lockFile(-1).failure().error == EBADF);
}
