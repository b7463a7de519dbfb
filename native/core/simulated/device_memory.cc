// SPDX-License-Identifier: MIT
#include "core/simulated/device_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/simulated/generator.h"

namespace vfm {

namespace {

bool isZero(const uint8_t* bytes, size_t size) {
  // Every byte equals its successor and the first is 0: memcmp runs at memory speed and stops at the first
  // difference.
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

}  // namespace

Result<DeviceMemory> DeviceMemory::create(uint64_t bytes) {
  UniqueFd fd(::memfd_create("vfio-migration-simulated", MFD_CLOEXEC));
  if (!fd) return Failure::system(errno, "memfd_create", "memory of a simulated device");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return Failure::system(errno, "ftruncate", "memory of a simulated device");
  }
  return DeviceMemory(std::move(fd), bytes);
}

int DeviceMemory::read(uint64_t offset, Bytes into) const {
  while (into.size > 0) {
    ssize_t got = ::pread(fd_.get(), into.data, into.size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : EIO;
    offset += static_cast<uint64_t>(got);
    into = into.from(static_cast<size_t>(got));
  }
  return 0;
}

int DeviceMemory::write(uint64_t offset, ConstBytes from) {
  while (from.size > 0) {
    ssize_t put = ::pwrite(fd_.get(), from.data, from.size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    offset += static_cast<uint64_t>(put);
    from = from.from(static_cast<size_t>(put));
  }
  return 0;
}

int DeviceMemory::writeOverZeros(uint64_t offset, ConstBytes from) {
  while (from.size > 0) {
    size_t run = 0;
    bool zeros = false;
    while (run < from.size) {
      size_t piece = std::min<size_t>(kPage - (offset + run) % kPage, from.size - run);
      zeros = isZero(from.data + run, piece);
      if (zeros) break;
      run += piece;
    }
    if (run > 0) {
      if (int error = write(offset, from.first(run))) return error;
    }
    if (zeros) run += std::min<size_t>(kPage - (offset + run) % kPage, from.size - run);
    offset += run;
    from = from.from(run);
  }
  return 0;
}

int DeviceMemory::fill(uint32_t seed) { return generate(seed, 0, size_); }

int DeviceMemory::generate(uint32_t seed, uint64_t offset, uint64_t length) {
  // Written rather than generated through a mapping: a page that write() covers whole is never zeroed first,
  // and never faults here.
  constexpr size_t kWords = 32768;
  std::vector<uint32_t> words(kWords);
  for (uint64_t done = 0; done < length;) {
    size_t bytes = static_cast<size_t>(std::min<uint64_t>(kWords * 4, length - done));
    generateWords(seed, done / 4, words.data(), (bytes + 3) / 4);
    if (int error = write(offset + done, {reinterpret_cast<const uint8_t*>(words.data()), bytes}))
      return error;
    done += bytes;
  }
  return 0;
}

int DeviceMemory::clear() {
  int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  while (::fallocate(fd_.get(), mode, 0, static_cast<off_t>(size_)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace vfm
