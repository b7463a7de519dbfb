// SPDX-License-Identifier: MIT
#include "core/dma/address_table.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "core/dma/iova_text.h"

namespace vfm {
namespace {

constexpr uint64_t kMostPages = 1ull << 32;  // of a DirtyBitmap
constexpr const char* kMap = "map of an address space";
constexpr const char* kUnmap = "unmap of an address space";
constexpr const char* kReport = "report of dirty pages";

}  // namespace

AddressTable::AddressTable(Options options) : options_(std::move(options)) {}

AddressSpaceInfo AddressTable::describe() const {
  AddressSpaceInfo info;
  info.pageSizes = options_.pageSizes;
  info.ranges = options_.ranges;
  info.mappings = options_.mostMappings - std::min<uint64_t>(options_.mostMappings, mappings_.count());
  info.dirtyPageSizes = smallestPage(options_.pageSizes);
  return info;
}

Result<AddressSpaceInfo> AddressTable::info() {
  std::shared_lock lock(tableMutex_);
  return describe();
}

std::vector<std::shared_ptr<AddressTable::Attachment>> AddressTable::attachments() {
  std::vector<std::shared_ptr<Attachment>> alive;
  for (auto each = attachments_.begin(); each != attachments_.end();) {
    if (auto attachment = each->lock()) {
      alive.push_back(std::move(attachment));
      ++each;
    } else {
      each = attachments_.erase(each);
    }
  }
  return alive;
}

Status AddressTable::attach(const std::shared_ptr<Attachment>& attachment) {
  std::lock_guard changes(changes_);
  std::vector<const DmaMapping*> told;
  Status status;
  for (const auto& entry : mappings_.all()) {  // changes_ alone keeps it as it is
    status = attachment->mapped(entry.second);
    if (!status) break;
    told.push_back(&entry.second);
  }
  if (status && tracking_) status = attachment->startDirtyTracking();
  if (!status) {
    for (auto each = told.rbegin(); each != told.rend(); ++each) {
      static_cast<void>(attachment->unmapped(**each, nullptr).ok());
    }
    return status;
  }
  attachments_.push_back(attachment);
  return {};
}

void AddressTable::detach(const Attachment* attachment) {
  std::lock_guard changes(changes_);
  attachments_.erase(std::remove_if(attachments_.begin(), attachments_.end(),
                                    [&](const std::weak_ptr<Attachment>& each) {
                                      const auto alive = each.lock();
                                      return !alive || alive.get() == attachment;
                                    }),
                     attachments_.end());
}

Status AddressTable::map(uint64_t iova, DmaSlice memory, Protection protection) {
  std::lock_guard changes(changes_);
  const DmaMapping mapping{iova, std::move(memory), protection};
  {
    std::unique_lock lock(tableMutex_);
    if (mapping.memory.size / smallestPage(options_.pageSizes) > kMostPages) {
      return Failure::system(E2BIG, "", kMap, "more than 2^32 pages in one mapping");
    }
    if (mappings_.count() >= options_.mostMappings) {
      return Failure::system(ENOSPC, "", kMap,
                             "all " + std::to_string(options_.mostMappings) + " mappings are in use");
    }
    if (Status possible = mappings_.check(mapping, describe(), "", kMap); !possible) return possible;
    // Before anybody is told: a server may use it the moment it knows of it.
    mappings_.add(mapping);
  }
  const auto attached = attachments();
  for (size_t i = 0; i < attached.size(); ++i) {
    Status told = attached[i]->mapped(mapping);
    if (told) continue;
    while (i-- > 0) static_cast<void>(attached[i]->unmapped(mapping, nullptr).ok());
    std::unique_lock lock(tableMutex_);
    mappings_.remove(iova);
    return told;
  }
  return {};
}

Result<uint64_t> AddressTable::unmap(uint64_t iova, uint64_t size, DirtyBitmap* dirty) {
  std::lock_guard changes(changes_);
  Status possible = mappings_.checkStretch(iova, size, smallestPage(options_.pageSizes), "", kUnmap);
  if (!possible) return std::move(possible).failure();
  if (dirty) {
    if (dirty->iova() != iova || dirty->length() != size) {
      return Failure::because(Reason::kInvalidArgument, kUnmap, "the dirty bitmap is over another stretch");
    }
    if (Status ready = checkReport(*dirty, kUnmap); !ready) return std::move(ready).failure();
  }
  return removeAll(mappings_.within(iova, size), dirty);
}

Result<uint64_t> AddressTable::unmapAll() {
  std::lock_guard changes(changes_);
  std::vector<DmaMapping> all;
  for (const auto& entry : mappings_.all()) all.push_back(entry.second);
  return removeAll(all, nullptr);
}

std::vector<IovaRange> AddressTable::mapped() {
  std::shared_lock lock(tableMutex_);
  return mappings_.ranges();
}

Result<uint64_t> AddressTable::removeAll(const std::vector<DmaMapping>& mappings, DirtyBitmap* dirty) {
  Status first;
  uint64_t bytes = 0;
  for (const DmaMapping& mapping : mappings) {
    for (const auto& attached : attachments()) {
      Status told = attached->unmapped(mapping, dirty);
      if (!told && first) first = std::move(told);
    }
    std::unique_lock lock(tableMutex_);
    mappings_.remove(mapping.iova);
    std::lock_guard dirtyLock(dirtyMutex_);
    auto written = dirty_.find(mapping.iova);
    if (written != dirty_.end()) {
      if (dirty) dirty->merge(*written->second);
      dirty_.erase(written);
    }
    bytes += mapping.memory.size;
  }
  if (!first) return std::move(first).failure();
  return bytes;
}

template <typename Each>
Status AddressTable::transfer(uint64_t iova, uint64_t size, Protection access, const char* operation,
                              Each each) {
  if (size == 0) return {};
  if (size - 1 > UINT64_MAX - iova) {
    return Failure::system(
        EFAULT, "", operation,
        std::to_string(size) + " bytes at " + iovaText(iova) + " go past the end of the address space");
  }
  const uint64_t last = iova + (size - 1);
  std::shared_lock lock(tableMutex_);
  std::vector<const DmaMapping*> parts;
  for (uint64_t at = iova;;) {
    const DmaMapping* mapping = mappings_.at(at);
    if (!mapping) return Failure::system(EFAULT, "", operation, "nothing is mapped at " + iovaText(at));
    if (!mapping->allows(access)) {
      return Failure::system(EFAULT, "", operation,
                             "what is mapped at " + rangeText(mapping->iova, mapping->last()) +
                                 (access == Protection::kWrite ? " may not be written" : " may not be read"));
    }
    parts.push_back(mapping);
    if (mapping->last() >= last) break;
    at = mapping->last() + 1;
  }
  uint64_t done = 0;
  for (const DmaMapping* mapping : parts) {
    const uint64_t inside = iova + done - mapping->iova;
    const uint64_t length = std::min(size - done, mapping->memory.size - inside);
    const int error = each(*mapping, inside, done, length);
    if (error != 0) {
      return Failure::system(error, "", operation, "the memory behind " + iovaText(iova + done) + " is gone");
    }
    done += length;
  }
  return {};
}

Status AddressTable::read(uint64_t iova, Bytes into) {
  return transfer(iova, into.size, Protection::kRead, "DMA read",
                  [&](const DmaMapping& mapping, uint64_t inside, uint64_t done, uint64_t length) {
                    return mapping.memory.memory->read(
                        mapping.memory.offset + inside,
                        into.from(static_cast<size_t>(done)).first(static_cast<size_t>(length)));
                  });
}

Status AddressTable::write(uint64_t iova, ConstBytes from) {
  return transfer(iova, from.size, Protection::kWrite, "DMA write",
                  [&](const DmaMapping& mapping, uint64_t inside, uint64_t done, uint64_t length) {
                    const int error = mapping.memory.memory->write(
                        mapping.memory.offset + inside,
                        from.from(static_cast<size_t>(done)).first(static_cast<size_t>(length)));
                    // After the bytes: a report in between must not forget what it has not seen. Also after
                    // a failure, which may have come half-way.
                    mark(mapping.iova + inside, length);
                    return error;
                  });
}

void AddressTable::mark(uint64_t iova, uint64_t length) {
  std::lock_guard lock(dirtyMutex_);
  if (!tracking_) return;
  const DmaMapping* mapping = mappings_.at(iova);  // the caller holds tableMutex_
  auto& bitmap = dirty_[mapping->iova];
  if (!bitmap) {
    auto made = DirtyBitmap::create(mapping->iova, mapping->memory.size, smallestPage(options_.pageSizes));
    if (!made) return;  // cannot be: map() has seen to whole pages and to their number
    bitmap = std::move(*made);
  }
  bitmap->mark(iova, length);
}

Status AddressTable::startDirtyTracking() {
  std::lock_guard changes(changes_);
  if (tracking_) return {};
  const auto attached = attachments();
  for (size_t i = 0; i < attached.size(); ++i) {
    Status started = attached[i]->startDirtyTracking();
    if (started) continue;
    while (i-- > 0) static_cast<void>(attached[i]->stopDirtyTracking().ok());
    return started;
  }
  std::lock_guard lock(dirtyMutex_);
  tracking_ = true;
  return {};
}

Status AddressTable::stopDirtyTracking() {
  std::lock_guard changes(changes_);
  {
    std::lock_guard lock(dirtyMutex_);
    if (!tracking_) return {};
    tracking_ = false;
    dirty_.clear();
  }
  Status first;
  for (const auto& attached : attachments()) {
    Status stopped = attached->stopDirtyTracking();
    if (!stopped && first) first = std::move(stopped);
  }
  return first;
}

Status AddressTable::checkReport(const DirtyBitmap& bitmap, const char* operation) const {
  const uint64_t page = smallestPage(options_.pageSizes);
  if (!tracking_) {
    return Failure::system(EINVAL, "", operation, "dirty tracking has not been started");
  }
  if (bitmap.pageSize() < page) {
    return Failure::system(EINVAL, "", operation,
                           "pages of " + std::to_string(bitmap.pageSize()) +
                               "; the smallest that are tracked have " + std::to_string(page));
  }
  return mappings_.checkStretch(bitmap.iova(), bitmap.length(), page, "", operation);
}

Status AddressTable::reportDirty(DirtyBitmap& into) {
  std::lock_guard changes(changes_);
  if (Status ready = checkReport(into, kReport); !ready) return ready;
  Status first;
  for (const auto& attached : attachments()) {
    Status reported = attached->reportDirty(into);
    if (!reported && first) first = std::move(reported);
  }
  std::lock_guard lock(dirtyMutex_);
  for (auto each = dirty_.lower_bound(into.iova()); each != dirty_.end();) {
    if (each->first - into.iova() >= into.length()) break;
    into.merge(*each->second);
    each = dirty_.erase(each);
  }
  return first;
}

}  // namespace vfm
