// SPDX-License-Identifier: MIT
// Memory that devices may be given: a shared descriptor, mapped into this process once. Never the raw address
// of somebody's JavaScript memory: that can move, be detached, or be freed while a device still writes to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"

namespace vfm {

struct DmaMemoryOptions {
  uint64_t pageSize = 0;  // 0: ordinary pages; else huge pages of this size (2 MiB, 1 GiB), all of them now
  bool lock = false;      // mlock: counted against RLIMIT_MEMLOCK at once instead of when it is mapped
};

class DmaMemory {
 public:
  // A memfd of its own, zeroed, sealed against shrinking and growing. `size` is rounded up to whole pages.
  static Result<std::shared_ptr<DmaMemory>> allocate(uint64_t size, const DmaMemoryOptions& options);
  // `length` bytes of somebody's file at `offset` (both whole pages of it). The descriptor is duplicated.
  // Reason::kInvalidArgument: no file, not whole pages, or beyond the file's end.
  static Result<std::shared_ptr<DmaMemory>> ofDescriptor(int fd, uint64_t offset, uint64_t length);
  ~DmaMemory();
  DmaMemory(const DmaMemory&) = delete;
  DmaMemory& operator=(const DmaMemory&) = delete;

  int descriptor() const { return fd_.get(); }     // borrowed
  uint64_t offset() const { return offset_; }      // of data() in the descriptor
  uint64_t pageSize() const { return pageSize_; }  // of the pages behind it
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  // False where somebody else can shrink the file: an access could raise SIGBUS, so it never becomes an
  // ArrayBuffer and is read and written through the descriptor.
  bool trusted() const { return trusted_; }
  // False for a descriptor opened for reading or sealed against writing: devices may only read it.
  bool writable() const { return writable_; }

  // What a device's access does, without the danger of one: a page that is gone answers EFAULT. 0 or a
  // positive errno; the range must lie inside.
  int read(uint64_t offset, Bytes into) const;
  int write(uint64_t offset, ConstBytes from);

 private:
  struct Origin {
    uint64_t offset = 0;
    uint64_t pageSize = 0;
    bool trusted = false;
    bool writable = false;
  };
  DmaMemory(UniqueFd fd, const Origin& origin, uint8_t* data, size_t size);
  static Result<std::shared_ptr<DmaMemory>> mapped(UniqueFd fd, const Origin& origin, uint64_t size);

  UniqueFd fd_;
  uint64_t offset_;
  uint64_t pageSize_;
  uint8_t* data_;
  size_t size_;
  bool trusted_;
  bool writable_;
};

// A part of it. The share keeps the memory for as long as it is mapped somewhere.
struct DmaSlice {
  std::shared_ptr<DmaMemory> memory;
  uint64_t offset = 0;  // in the memory
  uint64_t size = 0;
};

}  // namespace vfm
