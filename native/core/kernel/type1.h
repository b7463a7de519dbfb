// SPDX-License-Identifier: MIT
// The address space of a container: the kernel's type1 IOMMU driver (drivers/vfio/vfio_iommu_type1.c).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/dma/address_space.h"
#include "core/dma/mapping_table.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

class Container;

// Keeps its own table of what is mapped: to hold the memory as long as devices reach it, and to say more than
// an errno does. The kernel decides; the table explains.
class Type1 final : public AddressSpace {
 public:
  // The one of this container; shares the container's life, since the mappings do.
  static std::shared_ptr<Type1> of(const std::shared_ptr<Container>& container);

  // The container of a type1 address space; null for one of another backend.
  static std::shared_ptr<Container> containerOf(const std::shared_ptr<AddressSpace>& space);

  Type1(Sys& sys, Container& container) : sys_(sys), container_(container) {}

  const void* backend() const override;
  // VFIO_IOMMU_GET_INFO. EINVAL: no IOMMU is set, since no group is in the container.
  Result<AddressSpaceInfo> info() override;
  // VFIO_IOMMU_MAP_DMA. With an IOMMU-backed group in the container it pins all of the memory.
  Status map(uint64_t iova, DmaSlice memory, Protection protection) override;
  // VFIO_IOMMU_UNMAP_DMA, with the dirty bitmap where one is asked for (TYPE1v2, tracking started).
  Result<uint64_t> unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) override;
  // With VFIO_DMA_UNMAP_FLAG_ALL, where that is missing mapping by mapping.
  Result<uint64_t> unmapAll() override;
  std::vector<IovaRange> mapped() override;
  Status read(uint64_t iova, Bytes into) override;
  Status write(uint64_t iova, ConstBytes from) override;

  // VFIO_IOMMU_DIRTY_PAGES. There is no hardware tracking behind it: with an IOMMU-backed group in the
  // container all that is mapped is dirty in every report; with emulated groups alone, exactly what their
  // drivers pinned or wrote (vfio_pin_pages, vfio_dma_rw).
  Status startDirtyTracking() override;
  Status reportDirty(DirtyBitmap& into) override;
  Status stopDirtyTracking() override;

  // VFIO_DMA_UNMAP_FLAG_VADDR and VFIO_DMA_MAP_FLAG_VADDR (extension VFIO_UPDATE_VADDR): the mappings stay,
  // the memory behind them may move to another address (a process that replaces itself). EBUSY with an
  // emulated group in the container; EINVAL where an address is invalid already.
  Result<uint64_t> invalidateAddresses(uint64_t iova, uint64_t size);
  // ENOENT: nothing is mapped there; EINVAL: another size, or the address was not invalidated.
  Status updateAddress(uint64_t iova, DmaSlice memory);

  // The last group has left: the kernel has dropped everything.
  void forget();

 private:
  Result<AddressSpaceInfo> infoLocked();
  Failure explainMap(int error, const DmaMapping& mapping);
  Result<uint64_t> unmapLocked(uint32_t flags, uint64_t iova, uint64_t size, const char* operation);
  Result<uint64_t> unmapDirty(const std::vector<DmaMapping>& mappings, DirtyBitmap& dirty);
  Status dirtyPages(uint32_t flags, const char* operation);
  // Page size, cuts through mappings, the kernel's limit: before anything is reported, and so forgotten.
  Status checkReport(const DirtyBitmap& bitmap, const AddressSpaceInfo& space, const char* operation) const;

  Sys& sys_;
  Container& container_;
  std::mutex mutex_;  // held over the ioctls: the table says what the kernel has
  MappingTable mappings_;
};

}  // namespace vfm::kernel
