// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "source.h"

namespace bench {

struct Tuning {
  int fd = -1;
  size_t chunk = 0;    // bytes of one read; 0: what the contender thinks best
  int overlap = -1;    // best: 0 serial, 1 a thread that writes; -1: what it thinks best
  size_t buffers = 0;  // best: of the ring; 0: likewise
};

// Each moves one whole save from the stopped device into the descriptor, and answers with its size in bytes.
class Contender {
 public:
  virtual ~Contender() = default;
  virtual uint64_t round(Source& source) = 0;
};

void writeAll(int fd, const uint8_t* data, size_t size);

}  // namespace bench
