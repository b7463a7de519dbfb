// SPDX-License-Identifier: MIT
// An address space that no IOMMU enforces: a table in this process. For devices that live here (simulated),
// which access it through read() and write(), and for devices that live in a server (vfio-user), whose client
// attaches itself here and replays the table.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "core/dma/address_space.h"
#include "core/dma/mapping_table.h"

namespace vfm {

class AddressTable final : public AddressSpace {
 public:
  struct Options {
    uint64_t pageSizes = ~uint64_t{4095};  // what type1 says where only software does DMA
    std::vector<IovaRange> ranges = {IovaRange{0, UINT64_MAX}};
    uint64_t mostMappings = 65535;  // type1's default; one more is ENOSPC
  };

  // Somebody who must know the table: told of every change, in order, one at a time, by whichever thread made
  // it. Meanwhile it may call read() and write() (a server's DMA while it is being told), but nothing that
  // changes the table or who is attached.
  class Attachment {
   public:
    virtual ~Attachment() = default;
    // Before map() returns. A failure is map()'s: those told before are told to unmap again.
    virtual Status mapped(const DmaMapping& mapping) = 0;
    // Before the table forgets it. `dirty` (null: not asked for) is over at least this mapping. The mapping
    // is gone whatever this answers; a failure is unmap()'s nevertheless.
    virtual Status unmapped(const DmaMapping& mapping, DirtyBitmap* dirty) = 0;
    // For those who write the memory past write(): they add what they wrote. A failed start is undone.
    virtual Status startDirtyTracking() { return {}; }
    virtual Status reportDirty(DirtyBitmap& /*into*/) { return {}; }
    virtual Status stopDirtyTracking() { return {}; }
  };

  AddressTable() : AddressTable(Options{}) {}
  explicit AddressTable(Options options);

  // Told of all that is mapped first, and of tracking if it is on; a failure undoes that and attaches nobody.
  // Held weakly: who is gone is told nothing.
  Status attach(const std::shared_ptr<Attachment>& attachment);
  // Tells it nothing: it undoes its own. Once this returns it is not called any more.
  void detach(const Attachment* attachment);

  AddressTable* table() override { return this; }
  bool inSoftware() const override { return true; }
  Result<AddressSpaceInfo> info() override;
  Status map(uint64_t iova, DmaSlice memory, Protection protection) override;
  Result<uint64_t> unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) override;
  Result<uint64_t> unmapAll() override;
  std::vector<IovaRange> mapped() override;
  Status read(uint64_t iova, Bytes into) override;
  Status write(uint64_t iova, ConstBytes from) override;
  Status startDirtyTracking() override;
  // In whole pages of the smallest size or larger ones; no mapping may lie in the bitmap's stretch partly.
  Status reportDirty(DirtyBitmap& into) override;
  Status stopDirtyTracking() override;

 private:
  AddressSpaceInfo describe() const;
  std::vector<std::shared_ptr<Attachment>> attachments();
  Result<uint64_t> removeAll(const std::vector<DmaMapping>& mappings, DirtyBitmap* dirty);
  Status checkReport(const DirtyBitmap& bitmap, const char* operation) const;
  void mark(uint64_t iova, uint64_t length);
  // Calls `each` (mapping, offset of the access in it, offset in the access, length) for every part.
  template <typename Each>
  Status transfer(uint64_t iova, uint64_t size, Protection access, const char* operation, Each each);

  const Options options_;
  // Taken in this order. changes_: by whoever changes the table or the attachments, held while they are told.
  // tableMutex_: of mappings_, shared by accesses, so that a mapping is gone only when no access uses it.
  std::mutex changes_;
  std::shared_mutex tableMutex_;
  std::mutex dirtyMutex_;
  std::vector<std::weak_ptr<Attachment>> attachments_;
  MappingTable mappings_;
  bool tracking_ = false;                                   // with dirtyMutex_
  std::map<uint64_t, std::shared_ptr<DirtyBitmap>> dirty_;  // by mapping, from its first write on
};

}  // namespace vfm
