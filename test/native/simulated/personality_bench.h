// SPDX-License-Identifier: MIT
// Devices like the drivers' own, and whole saves and loads of them.
#pragma once

#include "core/simulated/personality.h"
#include "simulated/bench_device.h"

namespace bench {

constexpr uint64_t kSmall = 256 << 10;

constexpr Personality kV2Personalities[] = {Personality::kMlx5, Personality::kHisiAcc, Personality::kPds,
                                            Personality::kQat,  Personality::kVirtio,  Personality::kXe};

// `seed` 0: zeros.
inline SimulatedOptions like(Personality personality, uint32_t seed = 7) {
  SimulatedOptions options = optionsAs(personality);
  options.stateBytes = kSmall;
  options.chunkBytes = 64 << 10;
  if (seed != 0) options.seed = seed;
  options.delays.clear();
  return options;
}

inline std::vector<uint8_t> saveWhole(const BenchDevice& source) {
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> stream;
  REQUIRE(drain(*session, stream) == Progress::kEnd);
  return stream;
}

// 0 or the errno of whichever step refused.
inline int loadWhole(const BenchDevice& target, const std::vector<uint8_t>& stream, size_t piece = 65536) {
  std::unique_ptr<Session> session;
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  if (int error = feed(*session, stream, piece)) return error;
  return target.set(v2::kRunning);
}

}  // namespace bench
