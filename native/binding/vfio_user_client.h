// SPDX-License-Identifier: MIT
// openVfioUser: a device that another process serves, as a NativeDevice.
#pragma once

#include <napi.h>

namespace vfm::binding {

// (path: string, NativeVfioUserOptions) => Promise<Outcome<NativeDevice>>
Napi::Value openVfioUser(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
