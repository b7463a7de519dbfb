// SPDX-License-Identifier: MIT
// Turns, counters and pump results as JavaScript objects.
#pragma once

#include <napi.h>

#include "core/data/pump.h"

namespace vfm::binding {

const char* nameOf(Progress progress);
Napi::Object toObject(Napi::Env env, const Pumped& pumped);
Napi::Object toObject(Napi::Env env, const PumpControl& control);

}  // namespace vfm::binding
