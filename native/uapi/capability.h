// SPDX-License-Identifier: MIT
// The header of every link in an info struct's capability chain.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm::uapi {

// Lies at cap_offset of an info struct whose flags say CAPS. The kernel fills the chain only if argsz leaves
// room for all of it; otherwise it returns the argsz needed. `next` is an offset from the start of the info
// struct, 0 at the end.
struct VfioInfoCapHeader {
  uint16_t id;
  uint16_t version;
  uint32_t next;
};
static_assert(sizeof(VfioInfoCapHeader) == 8);
static_assert(offsetof(VfioInfoCapHeader, id) == 0);
static_assert(offsetof(VfioInfoCapHeader, version) == 2);
static_assert(offsetof(VfioInfoCapHeader, next) == 4);

}  // namespace vfm::uapi
