// SPDX-License-Identifier: MIT
// What VFIO_IOMMU_GET_INFO answers, with its capability chain. A pure function over bytes.
#pragma once

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/dma/address_space.h"

namespace vfm::kernel {

// `info` is the whole answer (argsz bytes). Without an IOVA range capability (a kernel before 5.4, or none
// but emulated devices) everything is valid. Refused (Reason::kMalformed): a broken chain, a capability cut
// off or there twice, ranges that end before they begin or overlap, no page size at all.
Result<AddressSpaceInfo> parseType1Info(ConstBytes info);

}  // namespace vfm::kernel
