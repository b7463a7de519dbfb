// SPDX-License-Identifier: MIT
// Which memory is at which I/O addresses: the bookkeeping that every address space keeps, and the rules that
// all of them share. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/base/result.h"
#include "core/device/mapping.h"
#include "core/dma/address_space.h"

namespace vfm {

struct DmaMapping {
  uint64_t iova = 0;
  DmaSlice memory;
  Protection protection = Protection::kReadWrite;

  uint64_t last() const { return iova + (memory.size - 1); }
  bool allows(Protection access) const {
    return (static_cast<unsigned>(protection) & static_cast<unsigned>(access)) ==
           static_cast<unsigned>(access);
  }
};

class MappingTable {
 public:
  // Why this mapping is impossible, in the order in which the kernel finds out: alignment, overlap, range.
  // Reason::kInvalidArgument: the slice lies outside its memory. EACCES: writes to memory that is read-only.
  Status check(const DmaMapping& wanted, const AddressSpaceInfo& space, const char* syscall,
               const char* operation) const;
  // EINVAL: not whole pages, wraps, or begins or ends inside a mapping.
  Status checkStretch(uint64_t iova, uint64_t size, uint64_t pageSize, const char* syscall,
                      const char* operation) const;

  void add(DmaMapping mapping) { mappings_.emplace(mapping.iova, std::move(mapping)); }
  void remove(uint64_t iova) { mappings_.erase(iova); }
  void clear() { mappings_.clear(); }

  size_t count() const { return mappings_.size(); }
  const std::map<uint64_t, DmaMapping>& all() const { return mappings_; }
  std::vector<IovaRange> ranges() const;
  // The one that the address belongs to, or null.
  const DmaMapping* at(uint64_t iova) const;
  // The first one that has an address in first..last, or null.
  const DmaMapping* touching(uint64_t first, uint64_t last) const;
  // Those that lie in the stretch, in order. checkStretch() has seen to it that none lies in it partly.
  std::vector<DmaMapping> within(uint64_t iova, uint64_t size) const;

 private:
  std::map<uint64_t, DmaMapping> mappings_;  // by their first address
};

// The smallest page of a bitmap of page sizes; 1 for an empty one.
uint64_t smallestPage(uint64_t pageSizes);

}  // namespace vfm
