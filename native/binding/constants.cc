// SPDX-License-Identifier: MIT
#include "binding/constants.h"

#include "uapi/numbers.h"

namespace vfm::binding {

Napi::Object makeConstants(Napi::Env env) {
  Napi::Object constants = Napi::Object::New(env);
  // All fit in 32 bits, so a JavaScript number holds them exactly.
  for (const uapi::NamedNumber& number : uapi::kNumbers) {
    constants.Set(number.name, Napi::Number::New(env, static_cast<double>(number.value)));
  }
  constants.Freeze();
  return constants;
}

}  // namespace vfm::binding
