// SPDX-License-Identifier: MIT
#include "core/simulated/data_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace vfm {

namespace {

class SharedMapping final : public Mapping {
 public:
  SharedMapping(uint8_t* data, size_t size) : Mapping(data, size) {}
  ~SharedMapping() override { ::munmap(data(), size()); }
};

}  // namespace

Result<std::unique_ptr<DataStore>> DataStore::create(DataSection kind, uint64_t chunkBytes) {
  // A straddling chunk begins in the mappable half and ends in the other, each half a chunk long.
  uint64_t section = kind == DataSection::kStraddling ? 2 * chunkBytes : chunkBytes;
  uint64_t bytes = kHeaderBytes + section;
  const char* what = "data section of a simulated device";
  UniqueFd fd(::memfd_create("vfio-migration-data", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Failure::system(errno, "memfd_create", what);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return Failure::system(errno, "ftruncate", what);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Failure::system(errno, "fcntl", what, "F_ADD_SEALS");
  }
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return Failure::system(errno, "mmap", what);
  return std::unique_ptr<DataStore>(
      new DataStore(kind, chunkBytes, std::move(fd), static_cast<uint8_t*>(memory), bytes));
}

DataStore::DataStore(DataSection kind, uint64_t chunkBytes, UniqueFd fd, uint8_t* memory,
                     uint64_t regionBytes)
    : kind_(kind), chunkBytes_(chunkBytes), fd_(std::move(fd)), memory_(memory), regionBytes_(regionBytes) {
  uint64_t pages = chunkBytes / kPage;
  switch (kind) {
    case DataSection::kTrapped:
      break;
    case DataSection::kMapped:
    case DataSection::kStraddling:
      mappable_ = {{kHeaderBytes, chunkBytes}};
      break;
    case DataSection::kSparse: {
      // Thirds, the middle one trapped, and a hole of a page before the end of the last.
      uint64_t third = pages / 3;
      mappable_ = {{kHeaderBytes, third * kPage},
                   {kHeaderBytes + 2 * third * kPage, (pages - 2 * third - (pages > 3 ? 1 : 0)) * kPage}};
      break;
    }
  }
}

DataStore::~DataStore() { ::munmap(memory_, regionBytes_); }

uint64_t DataStore::placeOf(uint64_t round) const {
  if (kind_ != DataSection::kStraddling) return kHeaderBytes;
  uint64_t pages = chunkBytes_ / kPage;
  uint64_t before = 1 + round * 7 % (pages - 1);  // pages of the chunk that lie in the mappable half
  return kHeaderBytes + (pages - before) * kPage;
}

Result<std::shared_ptr<Mapping>> DataStore::map(Area area, Protection protection) const {
  bool inside = false;
  for (const Area& candidate : mappable_) inside = inside || candidate.contains(area.offset, area.size);
  if (!inside || area.size == 0 || area.offset % kPage != 0) {
    return Failure::system(EINVAL, "mmap", "mmap of a region",
                           "not inside one mappable area, or not on a page");
  }
  int access = (static_cast<int>(protection) & static_cast<int>(Protection::kRead) ? PROT_READ : 0) |
               (static_cast<int>(protection) & static_cast<int>(Protection::kWrite) ? PROT_WRITE : 0);
  void* memory = ::mmap(nullptr, area.size, access, MAP_SHARED, fd_.get(), static_cast<off_t>(area.offset));
  if (memory == MAP_FAILED) return Failure::system(errno, "mmap", "mmap of a region");
  return std::shared_ptr<Mapping>(std::make_shared<SharedMapping>(static_cast<uint8_t*>(memory), area.size));
}

Result<RegionDescriptor> DataStore::descriptor() const {
  UniqueFd copy(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return Failure::system(errno, "fcntl", "descriptor of a region");
  return RegionDescriptor{std::move(copy), 0};
}

}  // namespace vfm
