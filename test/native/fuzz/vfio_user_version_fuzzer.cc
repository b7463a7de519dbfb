// SPDX-License-Identifier: MIT
// libFuzzer target: the payload of a vfio-user VERSION message. What is accepted must survive being said
// again.
//   cmake -S . -B build-fuzz -DVFM_BUILD_FUZZERS=ON -DVFM_BUILD_TESTS=OFF -DCMAKE_CXX_COMPILER=clang++-14
//   cmake --build build-fuzz && ./build-fuzz/vfio_user_version_fuzzer -max_len=4096
#include <cstdint>
#include <cstdlib>

#include "core/vfio_user/version.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vfm::vfio_user;
  const auto parsed = parseVersion(vfm::ConstBytes(data, size));
  if (!parsed) return 0;
  const auto said = formatVersion(*parsed);
  const auto again = parseVersion(vfm::ConstBytes(said.data(), said.size()));
  if (!again) std::abort();
  const Capabilities& first = parsed->capabilities;
  const Capabilities& second = again->capabilities;
  const bool same = first.maxMessageDescriptors == second.maxMessageDescriptors &&
                    first.maxTransfer == second.maxTransfer && first.pageSizes == second.pageSizes &&
                    first.maxDmaMaps == second.maxDmaMaps && first.writeMultiple == second.writeMultiple &&
                    first.reassembles == second.reassembles && first.dirtyPageSize == second.dirtyPageSize &&
                    first.maxDirtyBitmap == second.maxDirtyBitmap &&
                    first.twinSocket.supported == second.twinSocket.supported;
  if (!same) std::abort();
  return 0;
}
