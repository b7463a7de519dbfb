// SPDX-License-Identifier: MIT
// The uAPI's numbers as one frozen object, by the kernel's names.
#pragma once

#include <napi.h>

namespace vfm::binding {

Napi::Object makeConstants(Napi::Env env);

}  // namespace vfm::binding
