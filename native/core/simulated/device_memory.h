// SPDX-License-Identifier: MIT
// The device memory (BAR2): a sparse memfd that is never mapped, so that neither zeros nor the rest count as
// this process's memory. Errors are errnos of the system calls (ENOMEM, ENOSPC); 0 is success.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"

namespace vfm {

class DeviceMemory {
 public:
  static constexpr uint64_t kPage = 4096;

  static Result<DeviceMemory> create(uint64_t bytes);

  uint64_t size() const { return size_; }

  // The range must lie inside the memory: callers have checked it.
  int read(uint64_t offset, Bytes into) const;
  int write(uint64_t offset, ConstBytes from);
  // As write, for a range that holds zeros by now: zero pages of `from` stay holes.
  int writeOverZeros(uint64_t offset, ConstBytes from);
  int fill(uint32_t seed);
  // The first `length` bytes of the generator's output for `seed`, to `offset`.
  int generate(uint32_t seed, uint64_t offset, uint64_t length);
  // All zeros; gives the memory back.
  int clear();

 private:
  DeviceMemory(UniqueFd fd, uint64_t size) : fd_(std::move(fd)), size_(size) {}
  UniqueFd fd_;
  uint64_t size_;
};

}  // namespace vfm
