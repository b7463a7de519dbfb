// SPDX-License-Identifier: MIT
// openSimulated: a simulated device as a NativeDevice.
#pragma once

#include <napi.h>

namespace vfm::binding {

// (NativeSimulatedOptions) => Promise<Outcome<NativeDevice>>
Napi::Value openSimulated(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
