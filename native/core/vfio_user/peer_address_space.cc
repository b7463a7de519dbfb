// SPDX-License-Identifier: MIT
#include "core/vfio_user/peer_address_space.h"

#include <algorithm>
#include <cerrno>
#include <string>

namespace vfm::vfio_user {
namespace {

std::string stretch(uint64_t iova, uint64_t size) {
  return std::to_string(size) + " bytes at " + std::to_string(iova);
}

bool allows(Protection protection, Protection wanted) {
  return (static_cast<uint8_t>(protection) & static_cast<uint8_t>(wanted)) != 0;
}

}  // namespace

Status PeerAddressSpace::mapPeer(uint64_t iova, uint64_t size, Protection protection,
                                 std::unique_ptr<PeerMemory> memory) {
  const char* map = "DMA_MAP";
  if (size == 0 || size - 1 > UINT64_MAX - iova) return Failure::system(EINVAL, "", map, stretch(iova, size));
  const uint64_t last = iova + (size - 1);
  std::lock_guard lock(mutex_);
  auto next = mappings_.upper_bound(last);
  if (next != mappings_.begin()) {
    const auto& [first, there] = *std::prev(next);
    if (first + (there.size - 1) >= iova) {
      const bool same = first == iova && there.size == size && there.protection == protection &&
                        (memory == nullptr) == (there.memory == nullptr) &&
                        (memory == nullptr || memory->sameAs(*there.memory));
      if (same) return {};
      return Failure::system(EINVAL, "", map, stretch(iova, size) + " overlap another mapping");
    }
  }
  if (mappings_.size() >= mostMappings_) {
    return Failure::system(ENOSPC, "", map, std::to_string(mostMappings_) + " mappings are the most");
  }
  mappings_.emplace(iova, PeerMapping{size, protection, std::move(memory)});
  return {};
}

size_t PeerAddressSpace::mappings() const {
  std::lock_guard lock(mutex_);
  return mappings_.size();
}

Result<AddressSpaceInfo> PeerAddressSpace::info() {
  AddressSpaceInfo info;
  info.pageSizes = WrittenPages::kPage;
  info.ranges = {{0, UINT64_MAX}};
  info.mappings = mostMappings_ - mappings();
  info.dirtyPageSizes = WrittenPages::kPage;
  return info;
}

Status PeerAddressSpace::map(uint64_t, DmaSlice, Protection) {
  return Failure::because(Reason::kUnsupported, "map", "only the vfio-user client maps in its address space");
}

Result<uint64_t> PeerAddressSpace::unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) {
  std::lock_guard lock(mutex_);
  auto found = mappings_.find(iova);
  if (found == mappings_.end() || found->second.size != size) {
    return Failure::system(ENOENT, "", "DMA_UNMAP", stretch(iova, size) + " are no mapping");
  }
  if (dirty != nullptr && tracking_) written_.take(*dirty);
  mappings_.erase(found);
  return size;
}

Result<uint64_t> PeerAddressSpace::unmapAll() {
  std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& [iova, mapping] : mappings_) bytes += mapping.size;
  mappings_.clear();
  return bytes;
}

Result<std::vector<PeerAddressSpace::Piece>> PeerAddressSpace::locate(uint64_t iova, size_t size,
                                                                      Protection wanted) const {
  auto fault = [&] {
    return Failure::system(EFAULT, "", "DMA", stretch(iova, size) + " are not all mapped");
  };
  if (size > 0 && size - 1 > UINT64_MAX - iova) return fault();
  std::vector<Piece> pieces;
  std::lock_guard lock(mutex_);
  for (uint64_t at = iova; size > 0;) {
    auto next = mappings_.upper_bound(at);
    if (next == mappings_.begin()) return fault();
    const auto& [first, mapping] = *std::prev(next);
    const uint64_t offset = at - first;
    if (offset >= mapping.size || !allows(mapping.protection, wanted)) return fault();
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(size, mapping.size - offset));
    pieces.push_back({mapping.memory, offset, at, piece});
    at += piece;
    size -= piece;
  }
  return pieces;
}

Status PeerAddressSpace::read(uint64_t iova, Bytes into) {
  auto pieces = locate(iova, into.size, Protection::kRead);
  if (!pieces) return std::move(pieces).failure();
  for (const Piece& piece : *pieces) {
    const Bytes part = into.first(piece.size);
    Status done = piece.memory ? piece.memory->read(piece.offset, part) : messages_->read(piece.iova, part);
    if (!done) return done;
    into = into.from(piece.size);
  }
  return {};
}

Status PeerAddressSpace::write(uint64_t iova, ConstBytes from) {
  auto pieces = locate(iova, from.size, Protection::kWrite);
  if (!pieces) return std::move(pieces).failure();
  for (const Piece& piece : *pieces) {
    const ConstBytes part = from.first(piece.size);
    Status done = piece.memory ? piece.memory->write(piece.offset, part) : messages_->write(piece.iova, part);
    {
      // After the write, so that a report in between does not forget it; after a failed one, too.
      std::lock_guard lock(mutex_);
      if (tracking_) written_.mark(piece.iova, piece.size);
    }
    if (!done) return done;
    from = from.from(piece.size);
  }
  return {};
}

Status PeerAddressSpace::startDirtyTracking() {
  std::lock_guard lock(mutex_);
  tracking_ = true;
  written_.clear();
  return {};
}

Status PeerAddressSpace::reportDirty(DirtyBitmap& into) {
  if (into.pageSize() % WrittenPages::kPage != 0) {
    return Failure::system(EINVAL, "", "dirty report", "pages are of 4096 bytes or multiples");
  }
  std::lock_guard lock(mutex_);
  if (!tracking_) return Failure::system(EINVAL, "", "dirty report", "dirty tracking is not started");
  written_.take(into);
  return {};
}

Status PeerAddressSpace::stopDirtyTracking() {
  std::lock_guard lock(mutex_);
  tracking_ = false;
  written_.clear();
  return {};
}

}  // namespace vfm::vfio_user
