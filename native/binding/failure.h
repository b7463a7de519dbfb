// SPDX-License-Identifier: MIT
// A core Failure as the plain object lib/errors makes an error of.
#pragma once

#include <napi.h>

#include "core/base/result.h"

namespace vfm::binding {

Napi::Object toObject(Napi::Env env, const Failure& failure);

}  // namespace vfm::binding
