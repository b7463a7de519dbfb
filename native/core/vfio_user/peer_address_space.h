// SPDX-License-Identifier: MIT
// What a vfio-user client has mapped for the served device: the address space that a device living in this
// process is attached to while the client is connected.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "core/dma/address_space.h"
#include "core/vfio_user/dma_messages.h"
#include "core/vfio_user/peer_memory.h"
#include "core/vfio_user/written_pages.h"

namespace vfm::vfio_user {

class PeerAddressSpace final : public AddressSpace {
 public:
  PeerAddressSpace(std::shared_ptr<DmaMessages> messages, uint64_t mostMappings)
      : messages_(std::move(messages)), mostMappings_(mostMappings) {}

  // DMA_MAP. `memory` null: reached by messages. The same mapping again is no change. EINVAL: another one is
  // there; ENOSPC: as many as there may be.
  Status mapPeer(uint64_t iova, uint64_t size, Protection protection, std::unique_ptr<PeerMemory> memory);
  size_t mappings() const;

  bool inSoftware() const override { return true; }
  Result<AddressSpaceInfo> info() override;
  // Only the client maps here: Reason::kUnsupported.
  Status map(uint64_t iova, DmaSlice memory, Protection protection) override;
  // Exactly one mapping, else ENOENT.
  Result<uint64_t> unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) override;
  Result<uint64_t> unmapAll() override;

  Status read(uint64_t iova, Bytes into) override;
  Status write(uint64_t iova, ConstBytes from) override;

  // Of everything written, by message as well, although a client should know what it wrote itself.
  Status startDirtyTracking() override;
  Status reportDirty(DirtyBitmap& into) override;
  Status stopDirtyTracking() override;

 private:
  struct PeerMapping {
    uint64_t size = 0;
    Protection protection = Protection::kReadWrite;
    // Shared, so that what an access uses stays while the client unmaps it.
    std::shared_ptr<PeerMemory> memory;
  };
  struct Piece {
    std::shared_ptr<PeerMemory> memory;  // null: by message
    uint64_t offset = 0;                 // in the memory
    uint64_t iova = 0;
    size_t size = 0;
  };
  // What `size` bytes at `iova` are made of, all checked. EFAULT.
  Result<std::vector<Piece>> locate(uint64_t iova, size_t size, Protection wanted) const;

  const std::shared_ptr<DmaMessages> messages_;
  const uint64_t mostMappings_;
  mutable std::mutex mutex_;
  std::map<uint64_t, PeerMapping> mappings_;  // by their first address
  bool tracking_ = false;
  WrittenPages written_;
};

}  // namespace vfm::vfio_user
