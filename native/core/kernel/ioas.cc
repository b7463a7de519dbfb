// SPDX-License-Identifier: MIT
#include "core/kernel/ioas.h"

#include <algorithm>
#include <string>

#include "core/dma/iova_text.h"
#include "uapi/ioas.h"
#include "uapi/iommufd.h"

namespace vfm::kernel {
namespace {

// What backend() points to.
const char kBackend = 0;

constexpr const char* kMap = "IOMMU_IOAS_MAP";
constexpr const char* kUnmap = "IOMMU_IOAS_UNMAP";

// A few reserved stretches a device; no machine comes near it.
constexpr uint32_t kFirstRanges = 32;
constexpr uint32_t kMostRanges = 1 << 16;

std::string describe(uint64_t first, uint64_t size) {
  return std::to_string(size) + " bytes at " + iovaText(first);
}

uint32_t mapFlags(Protection protection) {
  const auto bits = static_cast<uint8_t>(protection);
  return ((bits & static_cast<uint8_t>(Protection::kRead)) != 0 ? uapi::kIommuIoasMapReadable : 0) |
         ((bits & static_cast<uint8_t>(Protection::kWrite)) != 0 ? uapi::kIommuIoasMapWriteable : 0);
}

Failure malformed(const char* operation, std::string detail) {
  return Failure::because(Reason::kMalformed, operation, std::move(detail));
}

Status placedWell(uint64_t first, uint64_t size, const char* operation) {
  if (size - 1 <= ~uint64_t{0} - first) return {};
  return malformed(operation, "the kernel chose " + describe(first, size));
}

// In order, apart from one another, none upside down.
Result<std::vector<IovaRange>> checkedRanges(const std::vector<uapi::IommuIovaRange>& answered) {
  std::vector<IovaRange> ranges;
  ranges.reserve(answered.size());
  for (const auto& range : answered) {
    if (range.start > range.last || (!ranges.empty() && range.start <= ranges.back().last)) {
      return malformed("IOMMU_IOAS_IOVA_RANGES", "a range " + rangeText(range.start, range.last));
    }
    ranges.push_back(IovaRange{range.start, range.last});
  }
  return ranges;
}

}  // namespace

Result<std::shared_ptr<Ioas>> Ioas::allocate(std::shared_ptr<Iommufd> iommufd, const IoasOptions& options) {
  uapi::IommuIoasAlloc command{};
  const int result = iommufd->call(uapi::kIommuIoasAlloc, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_IOAS_ALLOC");
  return std::make_shared<Ioas>(std::move(iommufd), command.out_ioas_id, options);
}

std::shared_ptr<Ioas> Ioas::of(const std::shared_ptr<AddressSpace>& space) {
  if (!space || space->backend() != &kBackend) return nullptr;
  return std::static_pointer_cast<Ioas>(space);
}

Ioas::~Ioas() {
  // Unmaps what is mapped. Nobody is left to tell of a failure; what cannot go now goes with the iommufd.
  static_cast<void>(iommufd_->destroy(id_));
}

const void* Ioas::backend() const { return &kBackend; }

Result<AddressSpaceInfo> Ioas::info() {
  std::vector<uapi::IommuIovaRange> room(kFirstRanges);
  for (;;) {
    uapi::IommuIoasIovaRanges command{};
    command.ioas_id = id_;
    command.num_iovas = static_cast<uint32_t>(room.size());
    command.allowed_iovas = reinterpret_cast<uintptr_t>(room.data());
    const int result = iommufd_->call(uapi::kIommuIoasIovaRanges, command);
    if (result < 0 && result != -EMSGSIZE) return ioctlFailure(result, "IOMMU_IOAS_IOVA_RANGES");
    // EMSGSIZE: there were more than fit, and num_iovas says how many. A device attached meanwhile adds some.
    if (result == -EMSGSIZE) {
      if (command.num_iovas <= room.size() || command.num_iovas > kMostRanges) {
        return malformed("IOMMU_IOAS_IOVA_RANGES", std::to_string(command.num_iovas) +
                                                       " ranges do not fit where " +
                                                       std::to_string(room.size()) + " do");
      }
      room.resize(command.num_iovas);
      continue;
    }
    const uint64_t alignment = command.out_iova_alignment;
    if (command.num_iovas > room.size()) {
      return malformed("IOMMU_IOAS_IOVA_RANGES", std::to_string(command.num_iovas) + " ranges, asked for " +
                                                     std::to_string(room.size()));
    }
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
      return malformed("IOMMU_IOAS_IOVA_RANGES", "an alignment of " + std::to_string(alignment));
    }
    room.resize(command.num_iovas);
    auto ranges = checkedRanges(room);
    if (!ranges) return std::move(ranges).failure();

    AddressSpaceInfo info;
    // Without any device the kernel would take less than a page; memory comes in whole ones.
    info.pageSizes = ~(std::max<uint64_t>(alignment, iommufd_->sys().pageSize()) - 1);
    info.ranges = std::move(ranges).value();
    info.dirtyPageSizes = options_.dirtyTracking ? info.pageSizes : 0;
    return info;
  }
}

Failure Ioas::mapFailure(int result, const DmaMapping& wanted) {
  if (result == -EINVAL) {
    // Not what was known before: a range or an alignment that a device brought.
    auto limits = info();
    auto reason = limits ? mapped_.check(wanted, *limits, "ioctl", kMap) : Status::success();
    if (!reason) return std::move(reason).failure();
  }
  std::string detail = describe(wanted.iova, wanted.memory.size);
  if (result == -ENOMEM) detail += ": more than may be pinned (RLIMIT_MEMLOCK), or than there is";
  return ioctlFailure(result, kMap, std::move(detail));
}

Status Ioas::map(uint64_t iova, DmaSlice memory, Protection protection) {
  auto mapped = mapSlice(iova, std::move(memory), protection);
  if (!mapped) return std::move(mapped).failure();
  return Status::success();
}

Result<uint64_t> Ioas::mapAnywhere(DmaSlice memory, Protection protection) {
  return mapSlice(std::nullopt, std::move(memory), protection);
}

Result<uint64_t> Ioas::mapSlice(std::optional<uint64_t> iova, DmaSlice slice, Protection protection) {
  DmaMapping wanted{iova.value_or(0), std::move(slice), protection};
  std::lock_guard lock(mutex_);
  // What can be known without asking which ranges and pages the devices leave.
  AddressSpaceInfo any;
  any.pageSizes = ~(uint64_t{iommufd_->sys().pageSize()} - 1);
  any.ranges = {IovaRange{0, ~uint64_t{0}}};
  auto possible =
      iova ? mapped_.check(wanted, any, "ioctl", kMap) : MappingTable().check(wanted, any, "ioctl", kMap);
  if (!possible) return std::move(possible).failure();

  uapi::IommuIoasMap command{};
  command.flags = mapFlags(protection) | (iova ? uapi::kIommuIoasMapFixedIova : 0);
  command.ioas_id = id_;
  command.user_va = reinterpret_cast<uintptr_t>(wanted.memory.memory->data() + wanted.memory.offset);
  command.length = wanted.memory.size;
  command.iova = wanted.iova;
  const int result = iommufd_->call(uapi::kIommuIoasMap, command);
  if (result < 0) return mapFailure(result, wanted);
  if (!iova) wanted.iova = command.iova;
  if (auto placed = placedWell(wanted.iova, wanted.memory.size, kMap); !placed) {
    return std::move(placed).failure();
  }
  const uint64_t first = wanted.iova;
  mapped_.add(std::move(wanted));
  return first;
}

Result<uint64_t> Ioas::copy(const std::shared_ptr<Ioas>& source, uint64_t from, uint64_t size,
                            std::optional<uint64_t> iova, Protection protection) {
  if (source->iommufd_ != iommufd_) {
    return Failure::because(Reason::kInvalidArgument, "IOMMU_IOAS_COPY",
                            "the two address spaces are of different iommufds");
  }
  if (size == 0 || from > ~uint64_t{0} - (size - 1)) {
    return Failure::because(Reason::kInvalidArgument, "IOMMU_IOAS_COPY", describe(from, size));
  }
  uapi::IommuIoasCopy command{};
  command.flags = mapFlags(protection) | (iova ? uapi::kIommuIoasMapFixedIova : 0);
  command.dst_ioas_id = id_;
  command.src_ioas_id = source->id_;
  command.length = size;
  command.dst_iova = iova.value_or(0);
  command.src_iova = from;

  std::unique_lock mine(mutex_, std::defer_lock);
  std::unique_lock theirs(source->mutex_, std::defer_lock);
  if (source.get() == this) {
    mine.lock();
  } else {
    std::lock(mine, theirs);
  }
  const int result = iommufd_->call(uapi::kIommuIoasCopy, command);
  if (result < 0) {
    return ioctlFailure(result, "IOMMU_IOAS_COPY",
                        describe(from, size) + (result == -ENOENT ? ": not all of it is mapped" : ""));
  }
  const uint64_t first = iova ? *iova : command.dst_iova;
  if (auto placed = placedWell(first, size, "IOMMU_IOAS_COPY"); !placed) return std::move(placed).failure();
  // Each mapping of the source becomes one here.
  const uint64_t last = from + (size - 1);
  std::vector<DmaMapping> copies;
  for (const auto& [begins, piece] : source->mapped_.all()) {
    if (begins > last || piece.last() < from) continue;
    const uint64_t start = std::max(begins, from);
    const uint64_t length = std::min(piece.last(), last) - start + 1;
    copies.push_back(DmaMapping{first + (start - from),
                                DmaSlice{piece.memory.memory, piece.memory.offset + (start - begins), length},
                                protection});
  }
  for (DmaMapping& piece : copies) mapped_.add(std::move(piece));
  return first;
}

Result<uint64_t> Ioas::unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) {
  std::lock_guard lock(mutex_);
  // A cut through a mapping is ENOENT here and EINVAL with type1: one answer for both.
  auto whole = mapped_.checkStretch(iova, size, iommufd_->sys().pageSize(), "ioctl", kUnmap);
  if (!whole) return std::move(whole).failure();
  const IovaRange range{iova, iova + (size - 1)};
  if (dirty != nullptr) {
    if (!started_) {
      return Failure::system(EINVAL, "", "IOMMU_HWPT_GET_DIRTY_BITMAP", "dirty tracking is not started");
    }
    for (const auto& hwpt : tracking()) {
      if (auto read = readRuns(*hwpt, *dirty, range, AfterRead::kKeep); !read)
        return std::move(read).failure();
    }
  }
  uapi::IommuIoasUnmap command{};
  command.ioas_id = id_;
  command.iova = iova;
  command.length = size;
  const int result = iommufd_->call(uapi::kIommuIoasUnmap, command);
  // Nothing there: no failure, as with type1.
  if (result == -ENOENT && mapped_.touching(range.first, range.last) == nullptr) return uint64_t{0};
  if (result < 0) return ioctlFailure(result, kUnmap, describe(iova, size));
  for (const DmaMapping& gone : mapped_.within(iova, size)) mapped_.remove(gone.iova);
  return uint64_t{command.length};
}

Result<uint64_t> Ioas::unmapAll() {
  uapi::IommuIoasUnmap command{};
  command.ioas_id = id_;
  command.iova = 0;
  command.length = ~uint64_t{0};
  std::lock_guard lock(mutex_);
  const int result = iommufd_->call(uapi::kIommuIoasUnmap, command);
  if (result < 0) return ioctlFailure(result, kUnmap, "everything");
  mapped_.clear();
  return uint64_t{command.length};
}

std::vector<IovaRange> Ioas::mapped() {
  std::lock_guard lock(mutex_);
  std::vector<IovaRange> ranges;
  for (const auto& [first, piece] : mapped_.all()) ranges.push_back(IovaRange{first, piece.last()});
  return ranges;
}

Status Ioas::read(uint64_t, Bytes) {
  return Failure::because(Reason::kUnsupported, "read through an IOAS",
                          "the IOMMU does it, for devices only");
}

Status Ioas::write(uint64_t, ConstBytes) {
  return Failure::because(Reason::kUnsupported, "write through an IOAS",
                          "the IOMMU does it, for devices only");
}

Status Ioas::allowIovas(const std::vector<IovaRange>& ranges) {
  if (ranges.size() > kMostRanges) {
    return Failure::because(Reason::kInvalidArgument, "IOMMU_IOAS_ALLOW_IOVAS",
                            std::to_string(ranges.size()) + " ranges");
  }
  std::vector<uapi::IommuIovaRange> allowed;
  allowed.reserve(ranges.size());
  for (const IovaRange& range : ranges) allowed.push_back(uapi::IommuIovaRange{range.first, range.last});
  uapi::IommuIoasAllowIovas command{};
  command.ioas_id = id_;
  command.num_iovas = static_cast<uint32_t>(allowed.size());
  command.allowed_iovas = reinterpret_cast<uintptr_t>(allowed.data());
  const int result = iommufd_->call(uapi::kIommuIoasAllowIovas, command);
  if (result < 0) {
    return ioctlFailure(result, "IOMMU_IOAS_ALLOW_IOVAS",
                        result == -EADDRINUSE ? "a device that is attached reserves some of it" : "");
  }
  return Status::success();
}

Result<uint64_t> Ioas::option(uint16_t op, uint64_t value) {
  uapi::IommuOption option{};
  option.option_id = uapi::kIommuOptionHugePages;
  option.op = op;
  option.object_id = id_;
  option.val64 = value;
  const int result = iommufd_->call(uapi::kIommuOption, option);
  if (result < 0) return ioctlFailure(result, "IOMMU_OPTION HUGE_PAGES");
  return uint64_t{option.val64};
}

Result<bool> Ioas::hugePages() {
  auto value = option(uapi::kIommuOptionOpGet, 0);
  if (!value) return std::move(value).failure();
  return *value != 0;
}

Status Ioas::setHugePages(bool allowed) {
  auto set = option(uapi::kIommuOptionOpSet, allowed ? 1 : 0);
  if (!set) return std::move(set).failure();
  return Status::success();
}

}  // namespace vfm::kernel
