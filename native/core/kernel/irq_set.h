// SPDX-License-Identifier: MIT
// An interrupt request as VFIO_DEVICE_SET_IRQS takes it, and what its errors mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/device/info.h"
#include "core/device/irqs.h"

namespace vfm::kernel {

// How many interrupts the request is about.
uint64_t countOf(const IrqRequest& request);

// Whether the index has the interrupts that the request names: Reason::kInvalidArgument where it has not.
Status checkRange(const IrqRequest& request, const IrqInfo& info);

// struct vfio_irq_set with its data right behind it, in exactly argsz bytes.
std::vector<uint8_t> encode(const IrqRequest& request);

// "VFIO_DEVICE_SET_IRQS TRIGGER EVENTFD, index 1, 0 to 3"
std::string describe(const IrqRequest& request);

// What this errno says about this request.
std::string meaningOf(int error, const IrqRequest& request);

}  // namespace vfm::kernel
