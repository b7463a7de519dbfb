// SPDX-License-Identifier: MIT
#include "core/dma/iova_text.h"

#include <cinttypes>
#include <cstdio>

namespace vfm {
namespace {

constexpr size_t kMostListed = 8;

template <typename Each>
std::string listed(size_t count, Each each) {
  std::string text;
  for (size_t i = 0; i < count && i < kMostListed; ++i) text += (i == 0 ? "" : ", ") + each(i);
  if (count > kMostListed) text += ", and " + std::to_string(count - kMostListed) + " more";
  return text;
}

}  // namespace

std::string iovaText(uint64_t iova) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, iova);
  return text;
}

std::string rangeText(uint64_t first, uint64_t last) { return iovaText(first) + "-" + iovaText(last); }

std::string rangesText(const std::vector<IovaRange>& ranges) {
  if (ranges.empty()) return "none";
  return listed(ranges.size(), [&](size_t i) { return rangeText(ranges[i].first, ranges[i].last); });
}

std::string pageSizesText(uint64_t bitmap) {
  std::vector<uint64_t> sizes;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bitmap >> bit & 1) != 0) sizes.push_back(uint64_t{1} << bit);
  }
  return listed(sizes.size(), [&](size_t i) { return std::to_string(sizes[i]); });
}

}  // namespace vfm
