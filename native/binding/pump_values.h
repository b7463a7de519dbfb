// SPDX-License-Identifier: MIT
// Turns, counters and pump results as JavaScript objects.
#pragma once

#include <napi.h>

#include "core/data/pump.h"

namespace vfm::binding {

const char* nameOf(Progress progress);
Napi::Object toObject(Napi::Env env, const Pumped& pumped);
Napi::Object toObject(Napi::Env env, const PumpControl& control);

// record(capacity): notes chunks and register accesses from now on; 0: no more.
Napi::Value setRecording(const Napi::CallbackInfo& info, FlightRing& ring);
// takeRecords(): null when there is nothing new.
Napi::Value takeRecords(Napi::Env env, FlightRing& ring);

}  // namespace vfm::binding
