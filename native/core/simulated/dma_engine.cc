// SPDX-License-Identifier: MIT
#include "core/simulated/dma_engine.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/simulated/generator.h"

namespace vfm {
namespace {

constexpr uint64_t kBounceBytes = 65536;
constexpr uint64_t kMostWritten = 1ull << 30;

int checkLength(uint64_t iova, uint64_t length, uint64_t most) {
  if (length > most) return E2BIG;
  return iova > UINT64_MAX - length ? EOVERFLOW : 0;
}

// Why it failed is the address space's business; the device sees an aborted access.
int statusOf(const Status& status) { return status.ok() ? 0 : EFAULT; }

}  // namespace

int DmaEngine::write(uint64_t iova, uint64_t length, uint32_t seed) {
  if (int error = checkLength(iova, length, kMostWritten)) return error;
  std::vector<uint32_t> words(kBounceBytes / 4);
  for (uint64_t done = 0; done < length; done += kBounceBytes) {
    const size_t part = static_cast<size_t>(std::min(kBounceBytes, length - done));
    generateWords(seed, done / 4, words.data(), (part + 3) / 4);
    // Noted first, and even if it fails: part of it may have been written.
    log_.note(iova + done, part);
    if (!space_) return EFAULT;
    const ConstBytes bytes(reinterpret_cast<const uint8_t*>(words.data()), part);
    if (int error = statusOf(space_->write(iova + done, bytes))) return error;
  }
  return 0;
}

int DmaEngine::read(uint64_t iova, uint64_t length, DeviceMemory& into) {
  if (int error = checkLength(iova, length, into.size())) return error;
  std::vector<uint8_t> bounce(kBounceBytes);
  for (uint64_t done = 0; done < length; done += kBounceBytes) {
    const size_t part = static_cast<size_t>(std::min(kBounceBytes, length - done));
    if (!space_) return EFAULT;
    if (int error = statusOf(space_->read(iova + done, {bounce.data(), part}))) return error;
    if (int error = into.write(done, {bounce.data(), part})) return error;
  }
  return 0;
}

}  // namespace vfm
