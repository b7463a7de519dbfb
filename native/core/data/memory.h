// SPDX-License-Identifier: MIT
// Page-aligned anonymous memory that a system call fills and that may outlive its maker, since a JavaScript
// view can hold it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"

namespace vfm {

class Memory {
 public:
  // `size` is rounded up to whole pages; the pages are zero and cost nothing until touched.
  static Result<std::shared_ptr<Memory>> allocate(size_t size);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  Bytes bytes() const { return {data_, size_}; }

 private:
  Memory(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* data_;
  size_t size_;
};

}  // namespace vfm
