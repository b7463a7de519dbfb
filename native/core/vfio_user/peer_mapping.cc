// SPDX-License-Identifier: MIT
#include "core/vfio_user/peer_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace vfm::vfio_user {
namespace {

constexpr const char* kOperation = "mapping of a vfio-user region";

Failure endsEarly(uint64_t offset, uint64_t length) {
  return Failure::because(Reason::kMalformed, kOperation,
                          "the server's file ends before byte " + std::to_string(offset + length));
}

// Whether the file holds the stretch now. Only a seal makes it stay so.
Status checkSize(int fd, uint64_t offset, uint64_t length) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return Failure::system(errno, "fstat", kOperation);
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (!S_ISREG(facts.st_mode) || offset > size || length > size - offset) return endsEarly(offset, length);
  return {};
}

}  // namespace

PeerMapping::PeerMapping(UniqueFd fd, uint64_t offset, uint8_t* data, size_t size)
    : Mapping(data, size), fd_(std::move(fd)), offset_(offset) {}

PeerMapping::~PeerMapping() {
  if (data()) ::munmap(data(), size());
}

Result<std::shared_ptr<Mapping>> PeerMapping::map(int fd, uint64_t offset, uint64_t length,
                                                  Protection protection) {
  // Seals first: what is found out about the size afterwards then holds.
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (Status large = checkSize(fd, offset, length); !large) return std::move(large).failure();
  const auto wants = static_cast<unsigned>(protection);
  if (seals >= 0 && (seals & F_SEAL_SHRINK) != 0) {
    const int prot = ((wants & 1) != 0 ? PROT_READ : 0) | ((wants & 2) != 0 ? PROT_WRITE : 0);
    void* address = ::mmap(nullptr, length, prot, MAP_SHARED, fd, static_cast<off_t>(offset));
    if (address == MAP_FAILED) return Failure::system(errno, "mmap", kOperation);
    return std::shared_ptr<Mapping>(
        std::make_shared<PeerMapping>(UniqueFd(), offset, static_cast<uint8_t*>(address), length));
  }
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return Failure::system(errno, "fcntl", kOperation);
  return std::shared_ptr<Mapping>(std::make_shared<PeerMapping>(std::move(own), offset, nullptr, length));
}

Status PeerMapping::readUntrusted(uint64_t offset, Bytes into) const {
  for (uint64_t at = offset_ + offset; into.size > 0;) {
    const ssize_t read = ::pread(fd_.get(), into.data, into.size, static_cast<off_t>(at));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return Failure::system(errno, "pread", kOperation);
    if (read == 0) return endsEarly(at, into.size);
    into = into.from(static_cast<size_t>(read));
    at += static_cast<uint64_t>(read);
  }
  return {};
}

Status PeerMapping::writeUntrusted(uint64_t offset, ConstBytes from) const {
  uint64_t at = offset_ + offset;
  // A write would make a file that was cut short grow again, and tell nobody.
  if (Status large = checkSize(fd_.get(), at, from.size); !large) return large;
  while (from.size > 0) {
    const ssize_t written = ::pwrite(fd_.get(), from.data, from.size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failure::system(written < 0 ? errno : EIO, "pwrite", kOperation);
    from = from.from(static_cast<size_t>(written));
    at += static_cast<uint64_t>(written);
  }
  return {};
}

}  // namespace vfm::vfio_user
