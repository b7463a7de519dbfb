// SPDX-License-Identifier: MIT
#include "core/data/memory.h"

#include <sys/mman.h>
#include <unistd.h>

namespace vfm {

Result<std::shared_ptr<Memory>> Memory::allocate(size_t size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (size == 0) size = 1;
  if (size > SIZE_MAX - page) return Failure::system(ENOMEM, "mmap", "anonymous memory");
  const size_t rounded = (size + page - 1) / page * page;
  void* data =
      ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return Failure::system(errno, "mmap", "anonymous memory");
  return std::shared_ptr<Memory>(new Memory(static_cast<uint8_t*>(data), rounded));
}

Memory::~Memory() { ::munmap(data_, size_); }

}  // namespace vfm
