// SPDX-License-Identifier: MIT
#include "core/simulated/config_space.h"

#include "core/simulated/msix_table.h"
#include "core/simulated/registers.h"

namespace vfm {
namespace {

// Where each capability is; each points to the next.
constexpr size_t kPower = 0x40;
constexpr size_t kMsi = 0x50;
constexpr size_t kMsix = 0x70;
constexpr size_t kExpress = 0x80;
constexpr size_t kErrors = 0x100;
constexpr size_t kSerial = 0x150;

constexpr size_t kDeviceControl = kExpress + 0x08;
constexpr uint8_t kFunctionLevelReset = 0x80;  // of the upper byte of device control

static_assert(ConfigSpace::kMsiVectors == 4, "the MSI capability below says 2^2");

}  // namespace

ConfigSpace::ConfigSpace(uint64_t memoryBytes) {
  uint64_t bar2 = 4096;
  while (bar2 < memoryBytes) bar2 <<= 1;

  put(0x00, 2, 0x1b36);
  put(0x02, 2, 0x7666);
  put(0x04, 2, 0, 0x0406);  // command: memory space, bus master, interrupt disable
  put(0x06, 2, 0x0010);     // status: there are capabilities
  put(0x08, 1, 1);          // revision
  put(0x09, 3, 0xff0000);
  put(0x10, 4, 0, ~(kRegistersBytes - 1));  // BAR0: 32 bits, memory
  put(0x18, 8, 0x4, ~(bar2 - 1));           // BAR2 and 3: 64 bits, memory
  put(0x2c, 2, 0x1b36);
  put(0x2e, 2, 0x7666);
  put(0x34, 1, kPower);
  put(0x3c, 1, 0xff, 0xff);  // interrupt line: a scratch byte for firmware
  put(0x3d, 1, 1);           // INTA

  put(kPower, 2, 0x01 | kMsi << 8);
  put(kPower + 2, 2, 0x0003);  // version 3, D0 and D3hot
  put(kPower + 4, 2, 0x0008);  // in D0 for good; coming back from D3hot would keep the registers

  put(kMsi, 2, 0x05 | kMsix << 8);
  put(kMsi + 2, 2, 0x0184, 0x0071);  // 4 vectors, 64-bit addresses, a mask each; switch and number given
  put(kMsi + 4, 8, 0, ~uint64_t{3});
  put(kMsi + 0x0c, 2, 0, 0xffff);
  put(kMsi + 0x10, 4, 0, (1u << kMsiVectors) - 1);
  put(kMsi + 0x14, 4, 0);  // pending

  put(kMsix, 2, 0x11 | kExpress << 8);
  put(kMsix + 2, 2, kMsixVectors - 1, 0xc000);
  put(kMsix + 4, 4, MsixTable::kOffset);  // in BAR0
  put(kMsix + 8, 4, MsixTable::kPendingOffset);

  put(kExpress, 2, 0x10);
  put(kExpress + 2, 2, 0x0002);            // version 2, endpoint
  put(kExpress + 4, 4, 0x10000001);        // function level reset, payloads of 256 bytes
  put(kDeviceControl, 2, 0x0000, 0x7fff);  // the reset bit reads 0
  put(kExpress + 0x0c, 4, 0x00000013);     // link: 8 GT/s, one lane
  put(kExpress + 0x12, 2, 0x0013);

  put(kErrors, 4, 0x00020001 | static_cast<uint32_t>(kSerial) << 20);
  put(kSerial, 4, 0x00010003);
  put(kSerial + 4, 8, 0x76666d31'00001b36);
}

void ConfigSpace::put(size_t offset, size_t width, uint64_t value, uint64_t writable) {
  for (size_t i = 0; i < width; ++i) {
    values_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
    writable_[offset + i] = static_cast<uint8_t>(writable >> (8 * i));
  }
}

void ConfigSpace::read(uint64_t offset, Bytes into) const {
  for (size_t i = 0; i < into.size; ++i) into.data[i] = values_[offset + i];
}

bool ConfigSpace::write(uint64_t offset, ConstBytes from) {
  bool reset = false;
  for (size_t i = 0; i < from.size; ++i) {
    uint8_t& value = values_[offset + i];
    uint8_t mask = writable_[offset + i];
    value = static_cast<uint8_t>((value & ~mask) | (from.data[i] & mask));
    reset = reset || (offset + i == kDeviceControl + 1 && (from.data[i] & kFunctionLevelReset) != 0);
  }
  return reset;
}

}  // namespace vfm
