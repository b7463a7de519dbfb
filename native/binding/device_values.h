// SPDX-License-Identifier: MIT
// What a device says about itself, as JavaScript objects.
#pragma once

#include <napi.h>

#include "core/device/hot_reset.h"
#include "core/device/info.h"

namespace vfm::binding {

Napi::Object toObject(Napi::Env env, const DeviceInfo& info);
Napi::Object toObject(Napi::Env env, const RegionInfo& info);
Napi::Object toObject(Napi::Env env, const IrqInfo& info);
Napi::Object toObject(Napi::Env env, const HotResetInfo& info);

}  // namespace vfm::binding
