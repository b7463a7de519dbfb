// SPDX-License-Identifier: MIT
// An I/O address space of iommufd (IOAS).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/dma/address_space.h"
#include "core/dma/mapping_table.h"
#include "core/kernel/hwpt.h"
#include "core/kernel/iommufd.h"

namespace vfm::kernel {

struct IoasOptions {
  // Every device that is attached gets a page table with dirty bits (a HWPT). It cannot be had later, and a
  // device whose IOMMU has none is refused.
  bool dirtyTracking = false;
};

// Beyond what address_space.h promises: mappings are known here as they are to the kernel, provided that all
// are made here. What somebody else maps through the same descriptor (or its container ioctls) is left out of
// reports.
class Ioas final : public AddressSpace, public std::enable_shared_from_this<Ioas> {
 public:
  // IOMMU_IOAS_ALLOC.
  static Result<std::shared_ptr<Ioas>> allocate(std::shared_ptr<Iommufd> iommufd, const IoasOptions& options);
  // Null for an address space of another backend.
  static std::shared_ptr<Ioas> of(const std::shared_ptr<AddressSpace>& space);

  Ioas(std::shared_ptr<Iommufd> iommufd, uint32_t id, const IoasOptions& options)
      : iommufd_(std::move(iommufd)), id_(id), options_(options) {}
  ~Ioas() override;
  Ioas(const Ioas&) = delete;
  Ioas& operator=(const Ioas&) = delete;

  uint32_t id() const { return id_; }
  const std::shared_ptr<Iommufd>& iommufd() const { return iommufd_; }
  bool dirtyTracking() const { return options_.dirtyTracking; }

  const void* backend() const override;
  // Ranges and page sizes depend on what is attached: each device's reserved ranges go, its alignment comes.
  Result<AddressSpaceInfo> info() override;
  Status map(uint64_t iova, DmaSlice memory, Protection protection) override;
  Result<uint64_t> unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) override;
  Result<uint64_t> unmapAll() override;
  std::vector<IovaRange> mapped() override;
  Status read(uint64_t iova, Bytes into) override;
  Status write(uint64_t iova, ConstBytes from) override;
  Status startDirtyTracking() override;
  Status reportDirty(DirtyBitmap& into) override;
  Status stopDirtyTracking() override;

  // At an address that the kernel chooses, which is answered.
  Result<uint64_t> mapAnywhere(DmaSlice memory, Protection protection);
  // IOMMU_IOAS_COPY: what `source` has mapped at [from, from + size), here too, at `iova` or where the kernel
  // likes. Both must be of one iommufd; ENOENT: not all of it is mapped there.
  Result<uint64_t> copy(const std::shared_ptr<Ioas>& source, uint64_t from, uint64_t size,
                        std::optional<uint64_t> iova, Protection protection);
  // IOMMU_IOAS_ALLOW_IOVAS: where mapAnywhere may map, also promised to every device attached later. Nothing:
  // everywhere. EADDRINUSE: a device attached reserves some of it.
  Status allowIovas(const std::vector<IovaRange>& ranges);
  Result<bool> hugePages();
  // EINVAL: switched off too late, with memory mapped for a device.
  Status setHugePages(bool allowed);

  // A page table for a device, started when tracking is. It takes part in this address space's reports.
  Result<std::shared_ptr<Hwpt>> allocateHwpt(uint32_t deviceId, bool dirtyTracking);
  // What one of its page tables recorded.
  Status reportDirty(Hwpt& hwpt, DirtyBitmap& into, AfterRead after);

 private:
  Result<uint64_t> mapSlice(std::optional<uint64_t> iova, DmaSlice memory, Protection protection);
  Failure mapFailure(int result, const DmaMapping& wanted);
  Result<uint64_t> option(uint16_t op, uint64_t value);
  std::vector<std::shared_ptr<Hwpt>> tracking();
  std::vector<IovaRange> runsWithin(IovaRange range) const;
  Status readRuns(Hwpt& hwpt, DirtyBitmap& into, IovaRange within, AfterRead after);

  const std::shared_ptr<Iommufd> iommufd_;
  const uint32_t id_;
  const IoasOptions options_;
  std::mutex mutex_;  // of what follows; held over system calls, so that the table says what the kernel has
  MappingTable mapped_;  // pages are pinned from our mapping of the memory whenever a device comes
  std::vector<std::weak_ptr<Hwpt>> hwpts_;
  bool started_ = false;
};

}  // namespace vfm::kernel
