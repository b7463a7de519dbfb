// SPDX-License-Identifier: MIT
#include "core/dma/dma_memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

UniqueFd fileOf(uint64_t size, int seals = 0) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(fd.valid());
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  if (seals != 0) REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

size_t openDescriptors() {
  size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
  return count;
}

}  // namespace

TEST_CASE("allocated memory is zeroed, whole pages, trusted and writable") {
  auto memory = DmaMemory::allocate(kPage + 1, {});
  REQUIRE(memory.ok());
  CHECK((*memory)->size() == 2 * kPage);
  CHECK((*memory)->pageSize() == kPage);
  CHECK((*memory)->trusted());
  CHECK((*memory)->writable());
  CHECK(std::all_of((*memory)->data(), (*memory)->data() + (*memory)->size(),
                    [](uint8_t byte) { return byte == 0; }));
}

TEST_CASE("nobody can shrink, grow or unseal allocated memory") {
  auto memory = DmaMemory::allocate(kPage, {});
  REQUIRE(memory.ok());
  CHECK(::ftruncate((*memory)->descriptor(), 0) == -1);
  CHECK(::ftruncate((*memory)->descriptor(), 2 * kPage) == -1);
  CHECK(::fcntl((*memory)->descriptor(), F_ADD_SEALS, F_SEAL_WRITE) == -1);
}

TEST_CASE("the descriptor and the mapping are the same memory") {
  auto memory = DmaMemory::allocate(kPage, {});
  REQUIRE(memory.ok());
  (*memory)->data()[5] = 0x5a;
  uint8_t seen = 0;
  CHECK(::pread((*memory)->descriptor(), &seen, 1, 5) == 1);
  CHECK(seen == 0x5a);
}

TEST_CASE("memory leaves no descriptor behind") {
  const size_t before = openDescriptors();
  {
    auto memory = DmaMemory::allocate(kPage, {});
    REQUIRE(memory.ok());
    CHECK(openDescriptors() == before + 1);
  }
  CHECK(openDescriptors() == before);
}

TEST_CASE("impossible sizes and pages are refused") {
  CHECK(DmaMemory::allocate(0, {}).failure().reason == Reason::kInvalidArgument);
  CHECK(DmaMemory::allocate(UINT64_MAX, {}).failure().reason == Reason::kInvalidArgument);
  CHECK(DmaMemory::allocate(kPage, {3000, false}).failure().reason == Reason::kInvalidArgument);
  CHECK(DmaMemory::allocate(kPage, {1024, false}).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE("huge pages are all there at once, or an error says how to get them") {
  constexpr uint64_t kHuge = 2 << 20;
  auto memory = DmaMemory::allocate(1, {kHuge, false});
  if (memory.ok()) {
    CHECK((*memory)->size() == kHuge);
    CHECK((*memory)->pageSize() == kHuge);
    CHECK((*memory)->write(0, ConstBytes(reinterpret_cast<const uint8_t*>("x"), 1)) == 0);
  } else {
    CHECK(memory.failure().reason == Reason::kSystem);
    CHECK(memory.failure().detail.find("2048") != std::string::npos);
  }
  auto absurd = DmaMemory::allocate(1ull << 46, {kHuge, false});
  REQUIRE(!absurd.ok());
  CHECK(absurd.failure().reason == Reason::kSystem);
}

TEST_CASE("memory beyond the limit is not locked, and the limit is named") {
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_MEMLOCK, &before) == 0);
  const struct rlimit low { kPage, before.rlim_max };
  REQUIRE(::setrlimit(RLIMIT_MEMLOCK, &low) == 0);
  auto memory = DmaMemory::allocate(16 * kPage, {0, true});
  REQUIRE(::setrlimit(RLIMIT_MEMLOCK, &before) == 0);
  // CAP_IPC_LOCK lifts the limit: as root it succeeds.
  if (!memory.ok()) CHECK(memory.failure().detail.find("4096 bytes") != std::string::npos);
}

TEST_CASE("a descriptor's memory is trusted only when nobody can shrink it") {
  const UniqueFd open = fileOf(4 * kPage);
  auto untrusted = DmaMemory::ofDescriptor(open.get(), 0, 4 * kPage);
  REQUIRE(untrusted.ok());
  CHECK_FALSE((*untrusted)->trusted());

  const UniqueFd sealed = fileOf(4 * kPage, F_SEAL_SHRINK);
  auto trusted = DmaMemory::ofDescriptor(sealed.get(), kPage, 2 * kPage);
  REQUIRE(trusted.ok());
  CHECK((*trusted)->trusted());
  CHECK((*trusted)->offset() == kPage);
  CHECK((*trusted)->size() == 2 * kPage);
}

TEST_CASE("a descriptor is duplicated") {
  UniqueFd file = fileOf(kPage, F_SEAL_SHRINK);
  auto memory = DmaMemory::ofDescriptor(file.get(), 0, kPage);
  REQUIRE(memory.ok());
  const uint8_t mark = 0x77;
  REQUIRE(::pwrite(file.get(), &mark, 1, 9) == 1);
  file.reset();
  CHECK((*memory)->data()[9] == 0x77);
  CHECK((::fcntl((*memory)->descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("parts that a descriptor does not have are refused") {
  const UniqueFd file = fileOf(4 * kPage);
  auto refused = [&](uint64_t offset, uint64_t length) {
    auto memory = DmaMemory::ofDescriptor(file.get(), offset, length);
    return !memory.ok() && memory.failure().reason == Reason::kInvalidArgument;
  };
  CHECK(refused(0, 0));
  CHECK(refused(0, 5 * kPage));
  CHECK(refused(4 * kPage, kPage));
  CHECK(refused(100, kPage));
  CHECK(refused(0, 100));
  CHECK(refused(kPage, UINT64_MAX - kPage + 1));
  CHECK(refused(UINT64_MAX - kPage + 1, kPage));
}

TEST_CASE("what is no file is refused") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  CHECK(DmaMemory::ofDescriptor(reading.get(), 0, kPage).failure().reason == Reason::kInvalidArgument);
  CHECK(DmaMemory::ofDescriptor(-1, 0, kPage).failure().error == EBADF);
}

TEST_CASE("read-only descriptors and write seals make memory read-only") {
  const UniqueFd sealed = fileOf(kPage, F_SEAL_SHRINK | F_SEAL_WRITE);
  auto memory = DmaMemory::ofDescriptor(sealed.get(), 0, kPage);
  REQUIRE(memory.ok());
  CHECK_FALSE((*memory)->writable());
  CHECK((*memory)->write(0, ConstBytes(reinterpret_cast<const uint8_t*>("x"), 1)) == EFAULT);

  const UniqueFd file = fileOf(kPage);
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const UniqueFd reading(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto readable = DmaMemory::ofDescriptor(reading.get(), 0, kPage);
  REQUIRE(readable.ok());
  CHECK_FALSE((*readable)->writable());
  const UniqueFd writing(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  CHECK(DmaMemory::ofDescriptor(writing.get(), 0, kPage).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE("untrusted memory that shrank answers EFAULT, and the process lives") {
  const UniqueFd file = fileOf(4 * kPage);
  auto memory = DmaMemory::ofDescriptor(file.get(), 0, 4 * kPage);
  REQUIRE(memory.ok());
  std::vector<uint8_t> bytes(2 * kPage, 0x11);
  CHECK((*memory)->write(kPage, {bytes.data(), bytes.size()}) == 0);
  std::vector<uint8_t> back(2 * kPage);
  CHECK((*memory)->read(kPage, {back.data(), back.size()}) == 0);
  CHECK(back == bytes);

  REQUIRE(::ftruncate(file.get(), 2 * kPage) == 0);
  CHECK((*memory)->read(kPage, {back.data(), back.size()}) == EFAULT);
  CHECK((*memory)->write(kPage, {bytes.data(), bytes.size()}) == EFAULT);
  // And it did not grow again by the attempt.
  CHECK(::lseek(file.get(), 0, SEEK_END) == static_cast<off_t>(2 * kPage));
}
