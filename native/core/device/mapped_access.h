// SPDX-License-Identifier: MIT
// Registers in mapped device memory: one load or store of the width that was asked for, which neither the
// compiler nor a JavaScript engine may split, join, repeat or leave out. Blocks nobody: it is a memory
// access.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/device/mapping.h"

namespace vfm {

// `width` is 1, 2, 4 or 8 and `offset` a multiple of it, inside the mapping: else Reason::kInvalidArgument.
// Reason::kUnsupported: memory that is not trusted, which is not mapped at all. The mapping must have been
// made for the kind of access (a read of memory mapped for writing alone may end the process). What the
// device wrote to memory before the value it answers is seen after the load, and what was written to memory
// before the store is seen by a device that acts on it.
Result<uint64_t> loadMapped(const Mapping& mapping, uint64_t offset, uint32_t width);
Status storeMapped(const Mapping& mapping, uint64_t offset, uint32_t width, uint64_t value);

}  // namespace vfm
