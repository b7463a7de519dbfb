// SPDX-License-Identifier: MIT
// What a read of a v2 save session means. Byte counts alone cannot say: 0 is the end of the data in STOP_COPY
// and nowhere else, and drivers disagree about a pre-copy that has nothing to send for now (the uAPI wants
// ENOMSG; mtty, qat and hisi_acc answer 0). A pure decision over two callables, so that every backend decides
// alike and tests can script both.
//
// The state is sampled *after* the read that needs explaining, and the read is then repeated: a read that
// found nothing in PRE_COPY may be explained by a state that has become STOP_COPY meanwhile, and only the
// second read is known to have begun in STOP_COPY.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/result.h"
#include "core/device/session.h"
#include "uapi/migration_v2.h"

namespace vfm {

namespace stream_end {
inline bool isErrno(const Result<size_t>& read, int error) {
  return !read.ok() && read.failure().reason == Reason::kSystem && read.failure().error == error;
}
inline bool isSilent(const Result<size_t>& read) { return read.ok() ? *read == 0 : isErrno(read, ENOMSG); }
}  // namespace stream_end

// `readOnce`: () -> Result<size_t>, one read() of the session; errors as Failure::system(errno, ...). EINTR
// is retried here. `sampleState`: () -> Result<uint32_t>, the device's present state (the uAPI's number);
// called only when a read brought nothing.
//
//   bytes                                      kBytes
//   EAGAIN                                     kAgain
//   0 or ENOMSG, state a pre-copy one
//     (or a number from the future)            kDrained
//   0, state STOP_COPY, and 0 again            kEnd
//   ENOMSG, state STOP_COPY, and ENOMSG again  the ENOMSG as a failure: the uAPI forbids it there, and
//   waiting would never end nothing twice in any other state           ENODEV: a state change or a reset has
//   ended the session (pds before 6.9 says 0) any other errno                            that failure
template <typename ReadOnce, typename SampleState>
Result<ReadOutcome> readStream(ReadOnce&& readOnce, SampleState&& sampleState) {
  namespace rules = stream_end;
  auto readPatiently = [&readOnce] {
    Result<size_t> read = readOnce();
    while (rules::isErrno(read, EINTR)) read = readOnce();
    return read;
  };
  auto settled = [](const Result<size_t>& read) -> Result<ReadOutcome> {
    if (read.ok()) return ReadOutcome{Progress::kBytes, *read};
    if (rules::isErrno(read, EAGAIN)) return ReadOutcome{Progress::kAgain, 0};
    return read.failure();
  };

  Result<size_t> first = readPatiently();
  if (!rules::isSilent(first)) return settled(first);

  Result<uint32_t> state = sampleState();
  if (!state.ok()) return std::move(state).failure();
  bool preCopy = *state == uapi::kVfioDeviceStatePreCopy || *state == uapi::kVfioDeviceStatePreCopyP2p ||
                 *state >= uapi::kVfioDeviceStateNr;
  if (preCopy) return ReadOutcome{Progress::kDrained, 0};

  Result<size_t> second = readPatiently();
  if (!rules::isSilent(second)) return settled(second);
  if (*state != uapi::kVfioDeviceStateStopCopy) {
    return Failure::system(
        ENODEV, "read", "read of a save session",
        "no data, and the device is in state " + std::to_string(*state) + ", where nothing is saved");
  }
  if (!second.ok()) return std::move(second).failure();
  return ReadOutcome{Progress::kEnd, 0};
}

}  // namespace vfm
