// SPDX-License-Identifier: MIT
// Locks on files, which last as long as the files are open.
#pragma once

#include <napi.h>

namespace vfm::binding {

// lockDescriptor(fd): a promise of whether the lock was got; false: another description has it.
Napi::Value lockDescriptor(const Napi::CallbackInfo& info);
// isDescriptorLocked(fd): a promise of whether another description has it.
Napi::Value isDescriptorLocked(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
