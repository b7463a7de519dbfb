// SPDX-License-Identifier: MIT
// One v2 save or load in progress on one device, and what carries its bytes (for the kernel: the data
// descriptor). Not a descriptor to the code above: the end of the data is decided here.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/base/span.h"

namespace vfm {

enum class Progress : uint8_t {
  kBytes,    // bytes moved
  kDrained,  // nothing for now, more may come (pre-copy); drivers say it as ENOMSG or as 0
  kEnd,      // nothing will ever come: 0 bytes while the device was in STOP_COPY before the read
  kAgain     // nothing right now, ask again soon (a non-blocking descriptor's EAGAIN)
};

struct ReadOutcome {
  Progress progress = Progress::kEnd;
  size_t bytes = 0;  // > 0 if and only if progress is kBytes
};

struct PrecopyInfo {
  uint32_t flags = 0;  // VFIO_PRECOPY_INFO_*
  uint64_t initialBytes = 0;
  uint64_t dirtyBytes = 0;
};

class Session {
 public:
  virtual ~Session() = default;

  // Save sessions. One reader at a time; may run beside a state change of the same device. EINTR is retried
  // inside.
  virtual Result<ReadOutcome> read(Bytes into) = 0;
  // Load sessions. May take fewer bytes than given, never 0 of a non-empty span.
  virtual Result<size_t> write(ConstBytes from) = 0;
  // VFIO_MIG_GET_PRECOPY_INFO; the request struct is zeroed before every call.
  virtual Result<PrecopyInfo> precopyInfo() = 0;
  // From any thread: read and write return Reason::kCancelled from now on, a call in progress as soon as the
  // backend can.
  virtual void cancel() = 0;
  // What carries the bytes, to hand to another process; -1 for backends without one. Borrowed.
  virtual int descriptor() const { return -1; }
};

}  // namespace vfm
