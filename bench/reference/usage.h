// SPDX-License-Identifier: MIT
// What a round costs this process: time, processor time, memory above its beginning.
#pragma once

#include <cstdint>

namespace bench {

uint64_t nowNs();  // CLOCK_MONOTONIC

class Usage {
 public:
  // Resets the kernel's high-water mark of resident memory.
  static Usage begin();
  double seconds() const { return static_cast<double>(nowNs() - startNs_) / 1e9; }
  double cpuSeconds() const;
  uint64_t peakKiB() const;  // resident, above the beginning

 private:
  uint64_t startNs_ = 0;
  double cpu_ = 0;
  uint64_t residentKiB_ = 0;
};

}  // namespace bench
