// SPDX-License-Identifier: MIT
// An iommufd's objects in general: destroying them, options, and the IOAS that stands in for a container.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

// EBUSY while another object uses it.
struct IommuDestroy {
  uint32_t size;
  uint32_t id;
};
static_assert(sizeof(IommuDestroy) == 8);
static_assert(offsetof(IommuDestroy, size) == 0);
static_assert(offsetof(IommuDestroy, id) == 4);

inline constexpr uint32_t kIommuDestroy = iommufdRequest(0x80);

// Of the whole iommufd: pinned memory is charged to the user (0) or the process (1).
inline constexpr uint32_t kIommuOptionRlimitMode = 0;
inline constexpr uint32_t kIommuOptionHugePages = 1;  // of one IOAS
inline constexpr uint32_t kIommuOptionOpSet = 0;
inline constexpr uint32_t kIommuOptionOpGet = 1;
struct IommuOption {
  uint32_t size;
  uint32_t option_id;
  uint16_t op;
  uint16_t __reserved;
  uint32_t object_id;
  uint64_t val64;
};
static_assert(sizeof(IommuOption) == 24);
static_assert(offsetof(IommuOption, size) == 0);
static_assert(offsetof(IommuOption, option_id) == 4);
static_assert(offsetof(IommuOption, op) == 8);
static_assert(offsetof(IommuOption, __reserved) == 10);
static_assert(offsetof(IommuOption, object_id) == 12);
static_assert(offsetof(IommuOption, val64) == 16);

inline constexpr uint32_t kIommuOption = iommufdRequest(0x87);

inline constexpr uint32_t kIommuVfioIoasGet = 0;
inline constexpr uint32_t kIommuVfioIoasSet = 1;
inline constexpr uint32_t kIommuVfioIoasClear = 2;
struct IommuVfioIoas {
  uint32_t size;
  uint32_t ioas_id;
  uint16_t op;
  uint16_t __reserved;
};
static_assert(sizeof(IommuVfioIoas) == 12);
static_assert(offsetof(IommuVfioIoas, size) == 0);
static_assert(offsetof(IommuVfioIoas, ioas_id) == 4);
static_assert(offsetof(IommuVfioIoas, op) == 8);
static_assert(offsetof(IommuVfioIoas, __reserved) == 10);

inline constexpr uint32_t kIommuVfioIoas = iommufdRequest(0x88);

}  // namespace vfm::uapi
