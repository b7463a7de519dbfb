// SPDX-License-Identifier: MIT
// NativeSimulatedOptions and what is in them, as the core has it.
#pragma once

#include <napi.h>

#include "core/base/result.h"
#include "core/simulated/options.h"

namespace vfm::binding {

// Reason::kInvalidArgument names what is unknown.
Result<SimulatedOptions> simulatedOptionsFrom(const Napi::Object& object);
Result<SimulatedFault> faultFrom(const Napi::Object& object);

}  // namespace vfm::binding
