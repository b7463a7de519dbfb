// SPDX-License-Identifier: MIT
// openSimulated: a simulated device as a NativeDevice, and its NativeSimulation.
#pragma once

#include <napi.h>

namespace vfm::binding {

// (NativeSimulatedOptions) => Promise<Outcome<NativeSimulatedDevice>>
Napi::Value openSimulated(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
