// SPDX-License-Identifier: MIT
#include "core/device/bulk_access.h"

#include <algorithm>
#include <cstring>

namespace vfm {
namespace {

// One call into the device at a time is of at most so much, so that it can be cancelled and never meets the
// kernel's own limit.
constexpr size_t kPiece = size_t{64} << 20;

Status checkWidth(uint32_t width) {
  if (width == 1 || width == 2 || width == 4 || width == 8) return {};
  return Failure::because(Reason::kInvalidArgument, "register access",
                          "a width of " + std::to_string(width) + " bytes");
}

std::string place(uint32_t region, uint64_t offset) {
  return "region " + std::to_string(region) + " offset " + std::to_string(offset);
}

Failure shortAt(const char* what, uint32_t region, uint64_t offset, size_t moved, size_t wanted) {
  return Failure::because(
      Reason::kShortTransfer, what,
      place(region, offset) + ": " + std::to_string(moved) + " of " + std::to_string(wanted) + " bytes");
}

}  // namespace

Result<uint64_t> readRegister(Device& device, uint32_t region, uint64_t offset, uint32_t width) {
  if (Status valid = checkWidth(width); !valid) return std::move(valid).failure();
  uint8_t raw[8] = {};
  auto moved = device.readRegion(region, offset, Bytes{raw, width});
  if (!moved) return std::move(moved).failure();
  if (*moved != width) return shortAt("register read", region, offset, *moved, width);
  uint64_t value = 0;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

Status writeRegister(Device& device, uint32_t region, uint64_t offset, uint32_t width, uint64_t value) {
  if (Status valid = checkWidth(width); !valid) return valid;
  uint8_t raw[8];
  std::memcpy(raw, &value, sizeof raw);
  auto moved = device.writeRegion(region, offset, ConstBytes{raw, width});
  if (!moved) return std::move(moved).failure();
  if (*moved != width) return shortAt("register write", region, offset, *moved, width);
  return {};
}

Status readWhole(Device& device, uint32_t region, uint64_t offset, Bytes into) {
  while (into.size > 0) {
    const size_t piece = std::min(into.size, kPiece);
    auto moved = device.readRegion(region, offset, into.first(piece));
    if (!moved) return std::move(moved).failure();
    if (*moved == 0 || *moved > piece) return shortAt("region read", region, offset, *moved, piece);
    into = into.from(*moved);
    offset += *moved;
  }
  return {};
}

Status writeWhole(Device& device, uint32_t region, uint64_t offset, ConstBytes from) {
  while (from.size > 0) {
    const size_t piece = std::min(from.size, kPiece);
    auto moved = device.writeRegion(region, offset, from.first(piece));
    if (!moved) return std::move(moved).failure();
    if (*moved == 0 || *moved > piece) return shortAt("region write", region, offset, *moved, piece);
    from = from.from(*moved);
    offset += *moved;
  }
  return {};
}

}  // namespace vfm
