// SPDX-License-Identifier: MIT
// The addon's entry: what JavaScript sees of the native half. Only lib/binding.ts loads it.
#include <napi.h>

#include "binding/constants.h"

#ifndef VFM_VERSION
#error "VFM_VERSION is the package's version, given by binding.gyp and CMakeLists.txt"
#endif

namespace vfm::binding {

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("version", Napi::String::New(env, VFM_VERSION));
  exports.Set("constants", makeConstants(env));
  return exports;
}

}  // namespace vfm::binding

using vfm::binding::initialise;  // the macro pastes the name, so it must be unqualified
NODE_API_MODULE(vfio_migration, initialise)
