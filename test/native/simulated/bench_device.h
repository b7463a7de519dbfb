// SPDX-License-Identifier: MIT
// A simulated device on the test bench: typed access to its registers, and whole saves and loads.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/simulated/arcs_v1.h"
#include "core/simulated/arcs_v2.h"
#include "core/simulated/generator.h"
#include "core/simulated/simulated_device.h"

namespace bench {

using namespace vfm;

constexpr uint32_t kMigrationRegion = 9;

struct BenchDevice {
  std::shared_ptr<SimulatedDevice> device;

  explicit BenchDevice(const SimulatedOptions& options) {
    auto opened = SimulatedDevice::open(options);
    REQUIRE(opened.ok());
    device = *opened;
  }
  SimulatedDevice* operator->() const { return device.get(); }

  // 0 or the errno.
  template <typename T>
  int get(uint32_t region, uint64_t offset, T& value) const {
    auto read = device->readRegion(region, offset, {reinterpret_cast<uint8_t*>(&value), sizeof value});
    if (!read.ok()) return read.failure().error;
    CHECK(*read == sizeof value);
    return 0;
  }
  template <typename T>
  int put(uint32_t region, uint64_t offset, T value) const {
    auto wrote =
        device->writeRegion(region, offset, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    if (!wrote.ok()) return wrote.failure().error;
    CHECK(*wrote == sizeof value);
    return 0;
  }
  template <typename T>
  T read(uint32_t region, uint64_t offset) const {
    T value{};
    REQUIRE(get(region, offset, value) == 0);
    return value;
  }
  uint32_t scratch() const { return read<uint32_t>(0, 0x10); }
  uint64_t steps() const { return read<uint64_t>(0, 0x28); }
  uint32_t runCount() const { return read<uint32_t>(0, 0x30); }
  void step() const { REQUIRE(put<uint32_t>(0, 0x1c, 2) == 0); }

  std::vector<uint8_t> memory() const {
    std::vector<uint8_t> bytes(read<uint64_t>(0, 0x08));
    for (size_t at = 0; at < bytes.size();) {
      auto got = device->readRegion(2, at, {bytes.data() + at, bytes.size() - at});
      REQUIRE(got.ok());
      at += *got;
    }
    return bytes;
  }

  // v2
  uint32_t state() const {
    auto state = device->migrationState();
    REQUIRE(state.ok());
    return *state;
  }
  int set(uint32_t state, std::unique_ptr<Session>* session = nullptr) const {
    auto changed = device->setMigrationState(state);
    if (!changed.ok()) return changed.failure().reason == Reason::kSystem ? changed.failure().error : -1;
    if (session) *session = std::move(changed->session);
    return 0;
  }

  // v1
  uint32_t deviceState() const { return read<uint32_t>(kMigrationRegion, 0); }
  int setV1(uint32_t value) const { return put<uint32_t>(kMigrationRegion, 0, value); }
};

// What docs/test-device.md says the memory holds after `steps` steps from `seed`, by a second, naive
// implementation.
inline std::vector<uint8_t> expectedMemory(size_t bytes, bool seeded, uint32_t seed, uint64_t steps) {
  std::vector<uint8_t> memory(bytes);
  for (size_t j = 0; seeded && j < bytes / 4; ++j) {
    uint32_t h = static_cast<uint32_t>(j) * 0x9e3779b9u + fmix32(seed);
    h ^= h >> 16, h *= 0x85ebca6bu, h ^= h >> 13, h *= 0xc2b2ae35u, h ^= h >> 16;
    std::memcpy(memory.data() + 4 * j, &h, 4);
  }
  for (uint64_t n = 0; n < steps; ++n) {
    uint64_t mark = n + 1;
    std::memcpy(memory.data() + n % (bytes / 4096) * 4096, &mark, 8);
  }
  return memory;
}

// Everything a session gives until it says anything but bytes.
inline Progress drain(Session& session, std::vector<uint8_t>& into, size_t piece = 65536) {
  std::vector<uint8_t> buffer(piece);
  for (;;) {
    auto outcome = session.read({buffer.data(), buffer.size()});
    REQUIRE(outcome.ok());
    if (outcome->progress != Progress::kBytes) return outcome->progress;
    into.insert(into.end(), buffer.begin(), buffer.begin() + static_cast<long>(outcome->bytes));
  }
}

// 0 or the errno of the first refused piece.
inline int feed(Session& session, const std::vector<uint8_t>& from, size_t piece = 65536) {
  for (size_t at = 0; at < from.size();) {
    auto wrote = session.write({from.data() + at, std::min(piece, from.size() - at)});
    if (!wrote.ok()) return wrote.failure().error;
    at += *wrote;
  }
  return 0;
}

inline SimulatedOptions v2Options(uint64_t bytes = 1 << 20) {
  SimulatedOptions options;
  options.stateBytes = bytes;
  options.seed = 7;
  return options;
}

inline SimulatedOptions v1Options(DataSection data = DataSection::kTrapped, uint64_t bytes = 1 << 20) {
  SimulatedOptions options;
  options.protocol = SimulatedProtocol::kV1;
  options.stateBytes = bytes;
  options.chunkBytes = 64 << 10;
  options.data = data;
  options.seed = 7;
  return options;
}

}  // namespace bench
