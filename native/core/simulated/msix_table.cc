// SPDX-License-Identifier: MIT
#include "core/simulated/msix_table.h"

#include <cstring>

namespace vfm {
namespace {

constexpr size_t kEntryBytes = 16;
constexpr size_t kVectorControl = 12;

bool inTable(uint64_t offset) {
  return offset >= MsixTable::kOffset && offset < MsixTable::kOffset + MsixTable::kBytes;
}
bool inPending(uint64_t offset) {
  return offset >= MsixTable::kPendingOffset && offset < MsixTable::kPendingOffset + MsixTable::kPendingBytes;
}

}  // namespace

bool MsixTable::holds(uint64_t offset, size_t width) {
  return (width == 4 || width == 8) && offset % width == 0 && (inTable(offset) || inPending(offset));
}

void MsixTable::read(uint64_t offset, Bytes into) const {
  std::memset(into.data, 0, into.size);
  if (inTable(offset)) std::memcpy(into.data, entries_.data() + (offset - kOffset), into.size);
}

void MsixTable::write(uint64_t offset, ConstBytes from) {
  if (inTable(offset)) std::memcpy(entries_.data() + (offset - kOffset), from.data, from.size);
}

void MsixTable::reset() {
  entries_.fill(0);
  for (size_t entry = 0; entry < ConfigSpace::kMsixVectors; ++entry)
    entries_[entry * kEntryBytes + kVectorControl] = 1;
}

}  // namespace vfm
