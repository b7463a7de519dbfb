// SPDX-License-Identifier: MIT
#include "core/integrity/hmac_sha256.h"

#include <algorithm>

namespace vfm {
namespace {

constexpr size_t kBlock = 64;

std::array<uint8_t, kBlock> padded(ConstBytes key, uint8_t with) {
  std::array<uint8_t, kBlock> block{};
  if (key.size > kBlock) {
    const Sha256Digest digest = Sha256::of(key);
    std::copy(digest.begin(), digest.end(), block.begin());
  } else {
    std::copy(key.data, key.data + key.size, block.begin());
  }
  for (uint8_t& byte : block) byte ^= with;
  return block;
}

}  // namespace

Sha256Digest hmacSha256(ConstBytes key, ConstBytes message) {
  auto block = padded(key, 0x36);
  Sha256 inner;
  inner.update({block.data(), block.size()});
  inner.update(message);
  const Sha256Digest digest = inner.finish();

  block = padded(key, 0x5C);
  Sha256 outer;
  outer.update({block.data(), block.size()});
  outer.update({digest.data(), digest.size()});
  return outer.finish();
}

}  // namespace vfm
