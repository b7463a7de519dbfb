// SPDX-License-Identifier: MIT
// A pointer with its length (C++17 has no std::span). Never owns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm {

struct Bytes {  // writable
  uint8_t* data = nullptr;
  size_t size = 0;
  Bytes from(size_t offset) const { return {data + offset, size - offset}; }
  Bytes first(size_t count) const { return {data, count}; }
};

struct ConstBytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
  ConstBytes() = default;
  ConstBytes(const uint8_t* data, size_t size) : data(data), size(size) {}
  ConstBytes(Bytes bytes) : data(bytes.data), size(bytes.size) {}  // NOLINT: implicit on purpose
  ConstBytes from(size_t offset) const { return {data + offset, size - offset}; }
  ConstBytes first(size_t count) const { return {data, count}; }
};

}  // namespace vfm
