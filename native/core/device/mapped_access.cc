// SPDX-License-Identifier: MIT
#include "core/device/mapped_access.h"

#include <atomic>
#include <string>

namespace vfm {
namespace {

// Between memory that the device reads or writes by itself and its registers. Fences of the language order
// memory among processors only; arm64 wants one that reaches devices.
inline void afterLoad() {
#if defined(__aarch64__)
  __asm__ volatile("dmb oshld" ::: "memory");
#elif defined(__x86_64__)
  __asm__ volatile("" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

inline void beforeStore() {
#if defined(__aarch64__)
  __asm__ volatile("dmb oshst" ::: "memory");
#elif defined(__x86_64__)
  __asm__ volatile("" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

template <typename Word>
uint64_t load(const uint8_t* address) {
  const Word value = *reinterpret_cast<const volatile Word*>(address);
  afterLoad();
  return value;
}

template <typename Word>
void store(uint8_t* address, uint64_t value) {
  beforeStore();
  *reinterpret_cast<volatile Word*>(address) = static_cast<Word>(value);
}

Status check(const Mapping& mapping, uint64_t offset, uint32_t width) {
  if (!mapping.trusted()) {
    return Failure::because(Reason::kUnsupported, "access to a mapping",
                            "its owner can take the memory away: read and write the region instead");
  }
  const bool known = width == 1 || width == 2 || width == 4 || (width == 8 && sizeof(void*) >= 8);
  if (known && width <= mapping.size() && offset <= mapping.size() - width && offset % width == 0) return {};
  return Failure::because(Reason::kInvalidArgument, "access to a mapping",
                          std::to_string(width) + " bytes at " + std::to_string(offset) + " of " +
                              std::to_string(mapping.size()));
}

}  // namespace

Result<uint64_t> loadMapped(const Mapping& mapping, uint64_t offset, uint32_t width) {
  if (Status fine = check(mapping, offset, width); !fine) return std::move(fine).failure();
  const uint8_t* address = mapping.data() + offset;
  switch (width) {
    case 1:
      return load<uint8_t>(address);
    case 2:
      return load<uint16_t>(address);
    case 4:
      return load<uint32_t>(address);
    default:
      return load<uint64_t>(address);
  }
}

Status storeMapped(const Mapping& mapping, uint64_t offset, uint32_t width, uint64_t value) {
  if (Status fine = check(mapping, offset, width); !fine) return fine;
  uint8_t* address = mapping.data() + offset;
  switch (width) {
    case 1:
      store<uint8_t>(address, value);
      break;
    case 2:
      store<uint16_t>(address, value);
      break;
    case 4:
      store<uint32_t>(address, value);
      break;
    default:
      store<uint64_t>(address, value);
      break;
  }
  return {};
}

}  // namespace vfm
