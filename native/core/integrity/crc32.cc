// SPDX-License-Identifier: MIT
#include "core/integrity/crc32.h"

#include "core/integrity/crc32_arm64.h"
#include "core/integrity/crc32_tables.h"
#include "core/integrity/crc32_x86.h"

namespace vfm {
namespace {

using Raw = uint32_t (*)(uint32_t raw, const uint8_t* data, size_t size);

// The polynomial's convention around a method's bare register.
template <Raw method>
uint32_t conditioned(uint32_t seed, ConstBytes bytes) {
  return ~method(~seed, bytes.data, bytes.size);
}

Crc32Methods findMethods() {
  Crc32Methods found;
#if defined(__x86_64__)
  found.method[found.count++] = {"vpclmulqdq", integrity::hasVpclmulqdq(),
                                 conditioned<integrity::crc32Vpclmulqdq>};
  found.method[found.count++] = {"pclmulqdq", integrity::hasPclmulqdq(),
                                 conditioned<integrity::crc32Pclmulqdq>};
#endif
#if defined(__aarch64__)
  found.method[found.count++] = {"armv8-crc", integrity::hasArmCrc32(), conditioned<integrity::crc32Arm>};
#endif
  found.method[found.count++] = {"tables", true, conditioned<integrity::crc32Tables>};
  return found;
}

Crc32Method fastest() {
  const Crc32Methods& methods = crc32Methods();
  int chosen = 0;
  while (!methods.method[chosen].available) ++chosen;
  return methods.method[chosen];
}

}  // namespace

const Crc32Methods& crc32Methods() {
  static const Crc32Methods methods = findMethods();
  return methods;
}

uint32_t crc32(uint32_t seed, ConstBytes bytes) {
  static const Crc32Method method = fastest();
  return method.run(seed, bytes);
}

}  // namespace vfm
