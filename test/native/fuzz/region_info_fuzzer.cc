// SPDX-License-Identifier: MIT
// libFuzzer target: parseRegionInfo over any bytes. What is believed must hold what core/device/info.h
// promises.
//   cmake -S . -B build-fuzz -DVFM_BUILD_FUZZERS=ON -DVFM_BUILD_TESTS=OFF -DCMAKE_CXX_COMPILER=clang++-14
//   cmake --build build-fuzz && ./build-fuzz/region_info_fuzzer -max_len=512
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/kernel/capability_chain.h"
#include "uapi/region.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of the exact size: one byte too far is one byte the sanitizer sees.
  const std::vector<uint8_t> answer(data, data + size);
  uint32_t index = 0;
  if (size >= sizeof(vfm::uapi::VfioRegionInfo)) {
    std::memcpy(&index, data + offsetof(vfm::uapi::VfioRegionInfo, index), sizeof(index));
  }
  for (const size_t page : {size_t{4096}, size_t{65536}}) {
    auto region = vfm::kernel::parseRegionInfo(vfm::ConstBytes(answer.data(), answer.size()), index, page);
    if (!region) continue;
    uint64_t end = 0;
    for (const vfm::Area& area : region->mappable) {
      if (area.size == 0 || area.offset % page != 0 || area.offset < end || area.size > region->size ||
          area.offset > region->size - area.size) {
        std::abort();
      }
      end = area.end();
    }
    if (region->offset > INT64_MAX || region->size > INT64_MAX - region->offset) std::abort();
  }
  return 0;
}
