// SPDX-License-Identifier: MIT
#include "core/vfio_user/server_message.h"

namespace vfm::vfio_user {

int Reply::errnoOf(const Failure& failure) {
  switch (failure.reason) {
    case Reason::kSystem:
      return failure.error > 0 ? failure.error : EIO;
    case Reason::kInvalidArgument:
    case Reason::kMalformed:
      return EINVAL;
    case Reason::kUnsupported:
      return EOPNOTSUPP;
    case Reason::kCancelled:
      return ECANCELED;
    case Reason::kClosed:
    case Reason::kDisconnected:
      return ENODEV;
    case Reason::kBusy:
      return EBUSY;
    case Reason::kTimedOut:
      return ETIMEDOUT;
    default:
      return EIO;
  }
}

}  // namespace vfm::vfio_user
