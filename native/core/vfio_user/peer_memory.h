// SPDX-License-Identifier: MIT
// Memory of a vfio-user client, by the descriptor that came with its DMA_MAP. The client keeps that
// descriptor and may cut the file short at any moment, which turns an access through a mapping into SIGBUS:
// so only what is sealed against shrinking is mapped, the rest is read and written through the descriptor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"

namespace vfm::vfio_user {

class PeerMemory {
 public:
  // `size` bytes at `offset` of a memory file (memfd, tmpfs, hugetlbfs: reading anything else could wait for
  // whoever serves its file system). EINVAL: another kind of descriptor, or the file is shorter than that;
  // EACCES: not open for what is asked.
  static Result<std::unique_ptr<PeerMemory>> of(UniqueFd fd, uint64_t offset, uint64_t size, bool writable);
  ~PeerMemory();
  PeerMemory(const PeerMemory&) = delete;
  PeerMemory& operator=(const PeerMemory&) = delete;

  // Within the memory: the caller has checked. EFAULT: the file has been cut short since.
  Status read(uint64_t offset, Bytes into) const;
  Status write(uint64_t offset, ConstBytes from) const;

  // The same stretch of the same file.
  bool sameAs(const PeerMemory& other) const;
  bool mapped() const { return memory_ != nullptr; }
  int descriptor() const { return fd_.get(); }  // borrowed
  uint64_t offset() const { return offset_; }   // in the descriptor

 private:
  PeerMemory(UniqueFd fd, uint64_t offset, uint64_t size, dev_t device, ino_t inode)
      : fd_(std::move(fd)), offset_(offset), size_(size), device_(device), inode_(inode) {}

  UniqueFd fd_;
  uint64_t offset_;
  uint64_t size_;
  dev_t device_;
  ino_t inode_;
  uint8_t* memory_ = nullptr;  // `size_` bytes, where it is sealed
};

}  // namespace vfm::vfio_user
