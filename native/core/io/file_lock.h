// SPDX-License-Identifier: MIT
// A lock on a whole file that lasts as long as somebody has the file open: it says that its owner lives.
#pragma once

#include "core/base/result.h"

namespace vfm {

enum class LockState {
  kOurs,  // taken, or, of a probe, free to be taken by `fd`
  kHeldByAnother
};

// An open file description lock (fcntl(2), F_OFD_SETLK), exclusive, never waiting: it belongs to what `fd`
// refers to, with all its duplicates and in whatever process, and goes with the last of them. `fd` is
// borrowed and has to be open for writing. EBADF; ENOLCK.
Result<LockState> lockFile(int fd);
// Whether another description has it, without taking it.
Result<LockState> probeFileLock(int fd);

}  // namespace vfm
