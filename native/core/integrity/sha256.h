// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), by the processor's SHA extensions where it has them.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"

namespace vfm {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256();

  void update(ConstBytes bytes);
  // The digest of everything so far; the object is used up (start a new one).
  Sha256Digest finish();

  static Sha256Digest of(ConstBytes bytes);

  // Takes whole blocks of 64 bytes into the state.
  using Compress = void (*)(uint32_t state[8], const uint8_t* blocks, size_t count);
  // For tests and measurements: a given method instead of the fastest.
  explicit Sha256(Compress compress);
  static Compress portable();
  // nullptr where this processor has none.
  static Compress accelerated();

 private:
  static constexpr size_t kBlock = 64;

  Compress compress_;
  uint32_t state_[8];
  uint64_t length_ = 0;  // bytes so far
  uint8_t block_[kBlock];
};

// Whether two digests are equal, in a time that does not depend on where they differ.
bool equalDigests(const Sha256Digest& a, const Sha256Digest& b);

}  // namespace vfm
