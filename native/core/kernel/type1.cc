// SPDX-License-Identifier: MIT
// Information and mapping. Dirty pages: type1_dirty.cc.
#include "core/kernel/type1.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/dma/iova_text.h"
#include "core/kernel/container.h"
#include "core/kernel/type1_info.h"
#include "uapi/container.h"
#include "uapi/type1.h"

namespace vfm::kernel {
namespace {

constexpr const char* kMap = "VFIO_IOMMU_MAP_DMA";
constexpr const char* kUnmap = "VFIO_IOMMU_UNMAP_DMA";
// Thousands of IOVA ranges; more is no description.
constexpr size_t kLargestInfo = 1 << 20;
// What backend() points to.
constexpr char kBackend = 0;

uint64_t addressOf(const DmaSlice& slice) {
  return reinterpret_cast<uintptr_t>(slice.memory->data()) + slice.offset;
}

}  // namespace

std::shared_ptr<Type1> Type1::of(const std::shared_ptr<Container>& container) {
  return std::shared_ptr<Type1>(container, &container->type1());
}

std::shared_ptr<Container> Type1::containerOf(const std::shared_ptr<AddressSpace>& space) {
  if (!space || space->backend() != &kBackend) return nullptr;
  return std::shared_ptr<Container>(space, &static_cast<Type1&>(*space).container_);
}

const void* Type1::backend() const { return &kBackend; }

Result<AddressSpaceInfo> Type1::info() {
  std::lock_guard lock(mutex_);
  return infoLocked();
}

Result<AddressSpaceInfo> Type1::infoLocked() {
  // As for regions: the kernel says how much room the chain needs. It can grow, with a group that is attached
  // in between.
  constexpr int kRounds = 4;
  size_t size = sizeof(uapi::VfioIommuType1Info);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint64_t> storage((size + 7) / 8);
    auto* bytes = reinterpret_cast<uint8_t*>(storage.data());
    uapi::VfioIommuType1Info info{};
    info.argsz = static_cast<uint32_t>(size);
    std::memcpy(bytes, &info, sizeof(info));
    const int result = retryInterrupted([&] {
      return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuGetInfo, static_cast<void*>(bytes));
    });
    if (result < 0) {
      return ioctlFailure(result, "VFIO_IOMMU_GET_INFO",
                          container_.iommu() ? "" : "no group is in the container, so it has no IOMMU");
    }
    std::memcpy(&info, bytes, sizeof(info));
    if (info.argsz <= size) return parseType1Info(ConstBytes(bytes, size));
    if (info.argsz > kLargestInfo) break;
    size = info.argsz;
  }
  return Failure::because(
      Reason::kMalformed, "VFIO_IOMMU_GET_INFO",
      "the kernel asks for ever more room, or for more than " + std::to_string(kLargestInfo) + " bytes");
}

Status Type1::map(uint64_t iova, DmaSlice memory, Protection protection) {
  std::lock_guard lock(mutex_);
  const DmaMapping mapping{iova, std::move(memory), protection};
  const DmaSlice& slice = mapping.memory;
  // What only we can know; the rest is the kernel's to decide.
  if (!slice.memory || slice.size > slice.memory->size() ||
      slice.offset > slice.memory->size() - slice.size ||
      (!slice.memory->writable() && mapping.allows(Protection::kWrite))) {
    AddressSpaceInfo anything;
    return mappings_.check(mapping, anything, "ioctl", kMap);
  }
  uapi::VfioIommuType1DmaMap request{};
  request.argsz = sizeof(request);
  if (mapping.allows(Protection::kRead)) request.flags |= uapi::kVfioDmaMapFlagRead;
  if (mapping.allows(Protection::kWrite)) request.flags |= uapi::kVfioDmaMapFlagWrite;
  request.vaddr = addressOf(slice);
  request.iova = iova;
  request.size = slice.size;
  const int result = retryInterrupted([&] {
    return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuMapDma, static_cast<void*>(&request));
  });
  if (result < 0) return explainMap(-result, mapping);
  mappings_.add(mapping);
  return {};
}

Failure Type1::explainMap(int error, const DmaMapping& mapping) {
  const std::string size = std::to_string(mapping.memory.size) + " bytes";
  std::string detail;
  switch (error) {
    case ENOMEM: {
      struct rlimit limit {};
      const bool known = sys_.getrlimit(RLIMIT_MEMLOCK, &limit) == 0;
      const std::string allowed = !known ? "unknown"
                                  : limit.rlim_cur == RLIM_INFINITY
                                      ? "unlimited"
                                      : std::to_string(limit.rlim_cur) + " bytes";
      detail = size + " to pin; RLIMIT_MEMLOCK is " + allowed +
               " for all that the process has locked (ulimit -l raises it, CAP_IPC_LOCK lifts it)";
      break;
    }
    case ENOSPC:
      detail =
          "the container takes no more mappings: map larger pieces, or raise dma_entry_limit of the "
          "module vfio_iommu_type1";
      break;
    case EFAULT:
      detail =
          size + " cannot be pinned: the file behind the memory is shorter by now, or may not be written";
      break;
    case EEXIST:
    case EINVAL: {
      if (!container_.iommu()) {
        detail = "no group is in the container, so it has no IOMMU";
        break;
      }
      auto space = infoLocked();
      if (!space) break;
      Status status = mappings_.check(mapping, *space, "ioctl", kMap);
      if (!status) detail = status.failure().detail;
      break;
    }
    default:
      break;
  }
  return ioctlFailure(-error, kMap, std::move(detail));
}

Result<uint64_t> Type1::unmapLocked(uint32_t flags, uint64_t iova, uint64_t size, const char* operation) {
  uapi::VfioIommuType1DmaUnmap request{};
  request.argsz = sizeof(request);
  request.flags = flags;
  request.iova = iova;
  request.size = size;
  const int result = retryInterrupted([&] {
    return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuUnmapDma, static_cast<void*>(&request));
  });
  if (result < 0) return ioctlFailure(result, operation);
  return request.size;
}

Result<uint64_t> Type1::unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) {
  std::lock_guard lock(mutex_);
  // TYPE1 (not v2) would unmap more or less than asked where mappings are cut; so that is refused here.
  if (Status whole = mappings_.checkStretch(iova, size, 1, "ioctl", kUnmap); !whole) {
    return std::move(whole).failure();
  }
  const auto gone = mappings_.within(iova, size);
  if (dirty) {
    if (dirty->iova() != iova || dirty->length() != size) {
      return Failure::because(Reason::kInvalidArgument, kUnmap, "the dirty bitmap is over another stretch");
    }
    return unmapDirty(gone, *dirty);
  }
  auto bytes = unmapLocked(0, iova, size, kUnmap);
  if (!bytes) {
    auto space = bytes.failure().error == EINVAL ? infoLocked() : bytes.failure();
    if (!space) return bytes;
    Status status = mappings_.checkStretch(iova, size, smallestPage(space->pageSizes), "ioctl", kUnmap);
    if (!status) return std::move(status).failure();
    return bytes;
  }
  for (const DmaMapping& mapping : gone) mappings_.remove(mapping.iova);
  return bytes;
}

Result<uint64_t> Type1::unmapAll() {
  std::lock_guard lock(mutex_);
  auto atOnce = container_.checkExtension(uapi::kVfioUnmapAll);
  if (!atOnce) return std::move(atOnce).failure();
  if (*atOnce != 0) {
    auto bytes = unmapLocked(uapi::kVfioDmaUnmapFlagAll, 0, 0, "VFIO_IOMMU_UNMAP_DMA ALL");
    if (bytes) mappings_.clear();
    return bytes;
  }
  uint64_t total = 0;
  while (mappings_.count() > 0) {
    const DmaMapping first = mappings_.all().begin()->second;
    auto bytes = unmapLocked(0, first.iova, first.memory.size, kUnmap);
    if (!bytes) return bytes;
    mappings_.remove(first.iova);
    total += *bytes;
  }
  return total;
}

std::vector<IovaRange> Type1::mapped() {
  std::lock_guard lock(mutex_);
  return mappings_.ranges();
}

Status Type1::read(uint64_t, Bytes) {
  return Failure::because(Reason::kUnsupported, "read of an address space", "the kernel does the DMA here");
}

Status Type1::write(uint64_t, ConstBytes) {
  return Failure::because(Reason::kUnsupported, "write of an address space", "the kernel does the DMA here");
}

Result<uint64_t> Type1::invalidateAddresses(uint64_t iova, uint64_t size) {
  std::lock_guard lock(mutex_);
  return unmapLocked(uapi::kVfioDmaUnmapFlagVaddr, iova, size, "VFIO_IOMMU_UNMAP_DMA VADDR");
}

Status Type1::updateAddress(uint64_t iova, DmaSlice memory) {
  std::lock_guard lock(mutex_);
  const DmaMapping* old = mappings_.at(iova);
  if (!memory.memory || memory.size > memory.memory->size() ||
      memory.offset > memory.memory->size() - memory.size) {
    return Failure::because(Reason::kInvalidArgument, "VFIO_IOMMU_MAP_DMA VADDR",
                            "the slice lies outside its memory");
  }
  uapi::VfioIommuType1DmaMap request{};
  request.argsz = sizeof(request);
  request.flags = uapi::kVfioDmaMapFlagVaddr;
  request.vaddr = addressOf(memory);
  request.iova = iova;
  request.size = memory.size;
  const int result = retryInterrupted([&] {
    return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuMapDma, static_cast<void*>(&request));
  });
  if (result < 0) return ioctlFailure(result, "VFIO_IOMMU_MAP_DMA VADDR");
  if (old) {
    const Protection protection = old->protection;
    mappings_.remove(iova);
    mappings_.add(DmaMapping{iova, std::move(memory), protection});
  }
  return {};
}

void Type1::forget() {
  std::lock_guard lock(mutex_);
  mappings_.clear();
}

}  // namespace vfm::kernel
