// SPDX-License-Identifier: MIT
#include "core/dma/dma_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

namespace vfm {
namespace {

constexpr unsigned kHugeShift = 26;  // MFD_HUGE_SHIFT: the logarithm of the page size is above it
constexpr long kHugetlbfsMagic = 0x958458f6;
constexpr uint64_t kMostBytes = std::numeric_limits<int64_t>::max();

uint64_t ordinaryPage() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }

bool isPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

Failure impossible(std::string detail) {
  return Failure::because(Reason::kInvalidArgument, "DMA memory", std::move(detail));
}

std::string kibibytes(uint64_t bytes) { return std::to_string(bytes >> 10) + " KiB"; }

// With the way out: what a failed reservation of huge pages means is in no errno.
Failure hugeFailure(int error, const char* syscall, uint64_t size, uint64_t page) {
  const std::string folder =
      "/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page >> 10) + "kB/nr_hugepages";
  return Failure::system(error, syscall, "DMA memory in huge pages",
                         std::to_string(size / page) + " free pages of " + kibibytes(page) + " are needed; " +
                             folder + " sets how many there are");
}

Failure lockFailure(int error, uint64_t size) {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  const std::string allowed =
      limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur) + " bytes";
  return Failure::system(error, "mlock", "DMA memory",
                         std::to_string(size) + " bytes to lock; RLIMIT_MEMLOCK is " + allowed +
                             " for the whole process (ulimit -l raises it, CAP_IPC_LOCK lifts it)");
}

}  // namespace

DmaMemory::DmaMemory(UniqueFd fd, const Origin& origin, uint8_t* data, size_t size)
    : fd_(std::move(fd)),
      offset_(origin.offset),
      pageSize_(origin.pageSize),
      data_(data),
      size_(size),
      trusted_(origin.trusted),
      writable_(origin.writable) {}

DmaMemory::~DmaMemory() { ::munmap(data_, size_); }

Result<std::shared_ptr<DmaMemory>> DmaMemory::mapped(UniqueFd fd, const Origin& origin, uint64_t size) {
  const int protection = PROT_READ | (origin.writable ? PROT_WRITE : 0);
  void* data = ::mmap64(nullptr, static_cast<size_t>(size), protection, MAP_SHARED, fd.get(),
                        static_cast<off64_t>(origin.offset));
  if (data == MAP_FAILED) {
    if (errno == ENOMEM && origin.pageSize > ordinaryPage()) {
      return hugeFailure(ENOMEM, "mmap", size, origin.pageSize);
    }
    return Failure::system(errno, "mmap", "DMA memory", std::to_string(size) + " bytes");
  }
  return std::shared_ptr<DmaMemory>(
      new DmaMemory(std::move(fd), origin, static_cast<uint8_t*>(data), static_cast<size_t>(size)));
}

Result<std::shared_ptr<DmaMemory>> DmaMemory::allocate(uint64_t size, const DmaMemoryOptions& options) {
  const bool huge = options.pageSize != 0 && options.pageSize != ordinaryPage();
  const uint64_t page = huge ? options.pageSize : ordinaryPage();
  if (!isPowerOfTwo(page) || page < ordinaryPage()) {
    return impossible("no pages of " + std::to_string(page) + " bytes");
  }
  if (size == 0 || size > kMostBytes - (page - 1)) return impossible(std::to_string(size) + " bytes");
  size = (size + page - 1) / page * page;

  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  if (huge) flags |= MFD_HUGETLB | static_cast<unsigned>(__builtin_ctzll(page)) << kHugeShift;
  UniqueFd fd(::memfd_create("vfio-migration-dma", flags));
  if (!fd) {
    if (huge && (errno == ENODEV || errno == EINVAL)) {
      return Failure::system(errno, "memfd_create", "DMA memory in huge pages",
                             "this machine has none of " + kibibytes(page));
    }
    return Failure::system(errno, "memfd_create", "DMA memory");
  }
  if (::ftruncate64(fd.get(), static_cast<off64_t>(size)) != 0) {
    return Failure::system(errno, "ftruncate", "DMA memory", std::to_string(size) + " bytes");
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Failure::system(errno, "fcntl", "seals of DMA memory");
  }
  // Now, so that an exhausted pool is an error here and no SIGBUS at the first touch.
  if (huge && ::fallocate64(fd.get(), 0, 0, static_cast<off64_t>(size)) != 0) {
    return hugeFailure(errno, "fallocate", size, page);
  }
  auto memory = mapped(std::move(fd), Origin{0, page, true, true}, size);
  if (memory && options.lock && ::mlock((*memory)->data(), (*memory)->size()) != 0) {
    return lockFailure(errno, size);
  }
  return memory;
}

Result<std::shared_ptr<DmaMemory>> DmaMemory::ofDescriptor(int fd, uint64_t offset, uint64_t length) {
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return Failure::system(errno, "fcntl", "DMA memory of a descriptor");
  struct stat64 status {};
  if (::fstat64(own.get(), &status) != 0) {
    return Failure::system(errno, "fstat", "DMA memory of a descriptor");
  }
  if (!S_ISREG(status.st_mode)) return impossible("the descriptor is no file (a memfd is one)");
  struct statfs64 filesystem {};
  if (::fstatfs64(own.get(), &filesystem) != 0) {
    return Failure::system(errno, "fstatfs", "DMA memory of a descriptor");
  }
  const bool huge = static_cast<long>(filesystem.f_type) == kHugetlbfsMagic;
  Origin origin;
  origin.offset = offset;
  origin.pageSize = huge ? static_cast<uint64_t>(filesystem.f_bsize) : ordinaryPage();
  const uint64_t fileSize = static_cast<uint64_t>(status.st_size);
  const std::string stretch = std::to_string(length) + " bytes at " + std::to_string(offset);
  if (length == 0 || offset % origin.pageSize != 0 || length % origin.pageSize != 0) {
    return impossible(stretch + " are not whole pages of " + std::to_string(origin.pageSize));
  }
  if (length > fileSize || offset > fileSize - length) {
    return impossible(stretch + " go beyond the file, which has " + std::to_string(fileSize));
  }
  const int seals = ::fcntl(own.get(), F_GET_SEALS);  // EINVAL for files that have none
  const int access = ::fcntl(own.get(), F_GETFL);
  if (access < 0) return Failure::system(errno, "fcntl", "DMA memory of a descriptor");
  if ((access & O_ACCMODE) == O_WRONLY) {
    return impossible("the descriptor is open for writing only; memory must be readable");
  }
  constexpr int kSealFutureWrite = 0x0010;
  // A hole punched into huge pages can fault even in a sealed file: the pool may have nothing to fill it.
  origin.trusted = seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && !huge;
  origin.writable =
      (access & O_ACCMODE) == O_RDWR && (seals < 0 || (seals & (F_SEAL_WRITE | kSealFutureWrite)) == 0);
  return mapped(std::move(own), origin, length);
}

int DmaMemory::read(uint64_t offset, Bytes into) const {
  if (trusted_) {
    std::memcpy(into.data, data_ + offset, into.size);
    return 0;
  }
  while (into.size > 0) {
    const ssize_t got = ::pread64(fd_.get(), into.data, into.size, static_cast<off64_t>(offset_ + offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : EFAULT;
    offset += static_cast<uint64_t>(got);
    into = into.from(static_cast<size_t>(got));
  }
  return 0;
}

int DmaMemory::write(uint64_t offset, ConstBytes from) {
  if (!writable_) return EFAULT;
  if (trusted_) {
    std::memcpy(data_ + offset, from.data, from.size);
    return 0;
  }
  // Not pwrite alone: it would make a file that shrank grow again, and huge pages know no write at all.
  while (from.size > 0) {
    struct iovec local {
      const_cast<uint8_t*>(from.data), from.size
    };
    struct iovec remote {
      data_ + offset, from.size
    };
    const ssize_t put = ::process_vm_writev(::getpid(), &local, 1, &remote, 1, 0);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EFAULT;
    offset += static_cast<uint64_t>(put);
    from = from.from(static_cast<size_t>(put));
  }
  return 0;
}

}  // namespace vfm
