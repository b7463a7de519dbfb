// SPDX-License-Identifier: MIT
// The seam's second noun: the I/O addresses that one or more devices see, and the memory behind them.
// Backends: type1 (a container and its groups), an IOAS of iommufd, and a table for devices that live in a
// process (simulated here, vfio-user in its server: replayed to each attached device).
//
// Thread safety every backend gives: all of it may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/device/mapping.h"
#include "core/dma/dirty_bitmap.h"
#include "core/dma/dma_memory.h"

namespace vfm {

struct AddressSpaceInfo {
  uint64_t pageSizes = 0;            // bitmap: bit 12 stands for pages of 4 KiB
  std::vector<IovaRange> ranges;     // what may be mapped: sorted, not overlapping
  std::optional<uint64_t> mappings;  // how many more mappings it takes, where it says so
  uint64_t dirtyPageSizes = 0;       // of dirty tracking; 0: it has none
  uint64_t largestDirtyBitmap = 0;   // bytes in one report; 0: no limit known
};

class AddressTable;

class AddressSpace {
 public:
  virtual ~AddressSpace() = default;

  // Equal for address spaces of one backend, which by it tells its own from others when a device is attached.
  virtual const void* backend() const { return nullptr; }
  // Itself where a table in this process is all there is to it (so that read() and write() work, and devices
  // without an IOMMU can attach and follow it); null where a kernel enforces it.
  virtual AddressTable* table() { return nullptr; }
  // Whether read() and write() work: what a device that lives in this process does its DMA by.
  virtual bool inSoftware() const { return false; }

  virtual Result<AddressSpaceInfo> info() = 0;

  // From now until unmapped, devices reach `memory` at `iova`, as `protection` allows. Holds the memory.
  // Overlap: EEXIST; out of memlock: ENOMEM; not aligned or outside the ranges: EINVAL, each with the limit
  // in the detail.
  virtual Status map(uint64_t iova, DmaSlice memory, Protection protection) = 0;
  // Whole mappings only; what lies between them need not be mapped. The bytes that were unmapped. With
  // `dirty` (over the same stretch, tracking started) the pages written until then are added to it.
  virtual Result<uint64_t> unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) = 0;
  virtual Result<uint64_t> unmapAll() = 0;
  // What is mapped, as far as this process knows: sorted, not overlapping.
  virtual std::vector<IovaRange> mapped() { return {}; }

  // What a device's DMA does, in software: for devices of this process, and for servers that ask by message.
  // Crosses mappings, checked against their protection before the first byte moves (EFAULT). What is written
  // is dirty. Reason::kUnsupported where the kernel does it.
  virtual Status read(uint64_t iova, Bytes into) = 0;
  virtual Status write(uint64_t iova, ConstBytes from) = 0;

  // Dirty tracking of all that attached devices write. A report adds to the bitmap and forgets what it
  // reported; after a failed one everything counts as dirty.
  virtual Status startDirtyTracking() = 0;
  virtual Status reportDirty(DirtyBitmap& into) = 0;
  virtual Status stopDirtyTracking() = 0;
};

}  // namespace vfm
