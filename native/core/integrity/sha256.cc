// SPDX-License-Identifier: MIT
#include "core/integrity/sha256.h"

#include <algorithm>
#include <cstring>

#include "core/integrity/sha256_rounds.h"
#include "core/integrity/sha256_x86.h"

namespace vfm {
namespace {

constexpr uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

inline uint32_t rotate(uint32_t value, int by) { return value >> by | value << (32 - by); }

inline uint32_t bigEndian(const uint8_t* from) {
  return uint32_t{from[0]} << 24 | uint32_t{from[1]} << 16 | uint32_t{from[2]} << 8 | uint32_t{from[3]};
}

void compressPortable(uint32_t state[8], const uint8_t* blocks, size_t count) {
  for (; count > 0; --count, blocks += 64) {
    uint32_t w[64];
    for (int t = 0; t < 16; ++t) w[t] = bigEndian(blocks + 4 * t);
    for (int t = 16; t < 64; ++t) {
      const uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; ++t) {
      const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + integrity::kSha256Rounds[t] + w[t];
      const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

Sha256::Compress fastest() {
  static const Sha256::Compress chosen =
      Sha256::accelerated() != nullptr ? Sha256::accelerated() : Sha256::portable();
  return chosen;
}

}  // namespace

Sha256::Compress Sha256::portable() { return compressPortable; }

Sha256::Compress Sha256::accelerated() {
#if defined(__x86_64__)
  if (integrity::hasShaNi()) return integrity::sha256CompressShaNi;
#endif
  return nullptr;
}

Sha256::Sha256() : Sha256(fastest()) {}

Sha256::Sha256(Compress compress) : compress_(compress) { std::copy(kInitial, kInitial + 8, state_); }

void Sha256::update(ConstBytes bytes) {
  if (bytes.size == 0) return;
  const size_t held = length_ % kBlock;
  length_ += bytes.size;
  if (held > 0) {
    const size_t taken = std::min(kBlock - held, bytes.size);
    std::memcpy(block_ + held, bytes.data, taken);
    if (held + taken < kBlock) return;
    compress_(state_, block_, 1);
    bytes = bytes.from(taken);
  }
  const size_t whole = bytes.size / kBlock;
  if (whole > 0) compress_(state_, bytes.data, whole);
  bytes = bytes.from(whole * kBlock);
  if (bytes.size > 0) std::memcpy(block_, bytes.data, bytes.size);
}

Sha256Digest Sha256::finish() {
  const uint64_t bits = length_ * 8;
  size_t held = length_ % kBlock;
  block_[held++] = 0x80;
  if (held > kBlock - 8) {
    std::memset(block_ + held, 0, kBlock - held);
    compress_(state_, block_, 1);
    held = 0;
  }
  std::memset(block_ + held, 0, kBlock - 8 - held);
  for (int i = 0; i < 8; ++i) block_[kBlock - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  compress_(state_, block_, 1);
  Sha256Digest digest;
  for (int i = 0; i < 32; ++i) digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha256Digest Sha256::of(ConstBytes bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

bool equalDigests(const Sha256Digest& a, const Sha256Digest& b) {
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = difference | (a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace vfm
