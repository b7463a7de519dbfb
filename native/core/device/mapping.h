// SPDX-License-Identifier: MIT
// Device memory in our address space. Whoever holds the shared_ptr may use the pointer; the last holder
// unmaps.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm {

enum class Protection : uint8_t { kRead = 1, kWrite = 2, kReadWrite = 3 };

class Mapping {
 public:
  virtual ~Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  // False where somebody else can shrink what is mapped (an access would raise SIGBUS): such memory never
  // becomes an ArrayBuffer.
  bool trusted() const { return trusted_; }

 protected:
  Mapping(uint8_t* data, size_t size, bool trusted) : data_(data), size_(size), trusted_(trusted) {}

 private:
  uint8_t* data_;
  size_t size_;
  bool trusted_;
};

}  // namespace vfm
