// SPDX-License-Identifier: MIT
#include "core/vfio_user/peer_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace vfm::vfio_user {
namespace {

constexpr const char* kMap = "memory of a vfio-user client";
constexpr const char* kAccess = "access to the memory of a vfio-user client";

Failure refused(int error, std::string why) { return Failure::system(error, "", kMap, std::move(why)); }

Status cutShort() { return Failure::system(EFAULT, "", kAccess, "its file is shorter than it was"); }

}  // namespace

Result<std::unique_ptr<PeerMemory>> PeerMemory::of(UniqueFd fd, uint64_t offset, uint64_t size,
                                                   bool writable) {
  struct stat file {};
  struct statfs system {};
  if (::fstat(fd.get(), &file) != 0) return Failure::system(errno, "fstat", kMap);
  if (!S_ISREG(file.st_mode)) return refused(EINVAL, "the descriptor is no file");
  if (::fstatfs(fd.get(), &system) != 0) return Failure::system(errno, "fstatfs", kMap);
  if (system.f_type != TMPFS_MAGIC && system.f_type != HUGETLBFS_MAGIC) {
    return refused(EINVAL, "the descriptor is a file, but not one of memory (memfd, tmpfs, hugetlbfs)");
  }
  const uint64_t length = static_cast<uint64_t>(file.st_size);
  if (size == 0 || offset > length || size > length - offset) {
    return refused(EINVAL, std::to_string(size) + " bytes at " + std::to_string(offset) +
                               " of a file that has " + std::to_string(length));
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Failure::system(errno, "fcntl", kMap);
  const int access = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0 || access == O_WRONLY || (writable && access != O_RDWR)) {
    return refused(EACCES, "the descriptor is not open for what the mapping allows");
  }

  std::unique_ptr<PeerMemory> memory(new PeerMemory(std::move(fd), offset, size, file.st_dev, file.st_ino));
  const int seals = ::fcntl(memory->fd_.get(), F_GET_SEALS);
  const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || offset % page != 0) return memory;
  const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void* mapped = ::mmap(nullptr, size, protection, MAP_SHARED, memory->fd_.get(), static_cast<off_t>(offset));
  // Huge pages want an offset of their own size, for example: the descriptor still does.
  if (mapped != MAP_FAILED) memory->memory_ = static_cast<uint8_t*>(mapped);
  return memory;
}

PeerMemory::~PeerMemory() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

bool PeerMemory::sameAs(const PeerMemory& other) const {
  return device_ == other.device_ && inode_ == other.inode_ && offset_ == other.offset_ &&
         size_ == other.size_;
}

Status PeerMemory::read(uint64_t offset, Bytes into) const {
  if (memory_ != nullptr) {
    std::memcpy(into.data, memory_ + offset, into.size);
    return {};
  }
  while (into.size > 0) {
    const ssize_t got = ::pread(fd_.get(), into.data, into.size, static_cast<off_t>(offset_ + offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure::system(errno, "pread", kAccess);
    if (got == 0) return cutShort();
    offset += static_cast<uint64_t>(got);
    into = into.from(static_cast<size_t>(got));
  }
  return {};
}

Status PeerMemory::write(uint64_t offset, ConstBytes from) const {
  if (memory_ != nullptr) {
    std::memcpy(memory_ + offset, from.data, from.size);
    return {};
  }
  // A write past the end would make the file longer, and what is written there is nobody's memory.
  struct stat file {};
  if (::fstat(fd_.get(), &file) != 0) return Failure::system(errno, "fstat", kAccess);
  if (offset_ + offset + from.size > static_cast<uint64_t>(file.st_size)) return cutShort();
  while (from.size > 0) {
    const ssize_t put = ::pwrite(fd_.get(), from.data, from.size, static_cast<off_t>(offset_ + offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Failure::system(errno, "pwrite", kAccess);
    if (put == 0) return cutShort();
    offset += static_cast<uint64_t>(put);
    from = from.from(static_cast<size_t>(put));
  }
  return {};
}

}  // namespace vfm::vfio_user
