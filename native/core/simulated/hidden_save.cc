// SPDX-License-Identifier: MIT
#include "core/simulated/hidden_save.h"

#include <cerrno>

namespace vfm {

int HiddenSave::refusal(uint32_t from, uint32_t to, bool saveFailed, bool& losesSession) {
  losesSession = false;
  // These two only close a file.
  const bool withoutFirmware = to == v2::kStop && (from == v2::kStopCopy || from == v2::kResuming);
  if (withoutFirmware) return 0;
  if (functionGone_) return ENOTCONN;
  const bool abort = v2::isPreCopy(from) && !v2::isSaving(to);
  const bool final = v2::isPreCopy(from) && to == v2::kStopCopy;
  if (saveFailed && (abort || final)) return ENODEV;
  if (abort && abortFails_) {
    abortFails_ = false;
    losesSession = wedged_ = true;
    return EIO;
  }
  return 0;
}

}  // namespace vfm
