// SPDX-License-Identifier: MIT
// The v2 byte stream of a simulated device and what writes it: a header, records of memory, and the registers
// as the end record. Not thread-safe (the device's lock guards it).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/span.h"
#include "core/device/session.h"
#include "core/simulated/machine.h"
#include "core/simulated/precopy_policy.h"
#include "core/simulated/save_pacer.h"
#include "core/simulated/save_progress.h"

namespace vfm {

struct StreamHeader {
  uint64_t magic = kMagic;
  uint32_t version = kVersion;
  uint32_t headerBytes = sizeof(StreamHeader);
  uint64_t stateBytes = 0;
  uint64_t personality = 0;  // streams of one driver are nothing to another

  static constexpr uint64_t kMagic = 0x3276'6d66'765f'6d73;
  static constexpr uint32_t kVersion = 1;
};
static_assert(sizeof(StreamHeader) == 32, "part of the device's stream format");

struct StreamRecord {
  uint32_t kind = 0;
  uint32_t reserved = 0;
  uint64_t offset = 0;  // in the device memory, in whole pages
  uint64_t length = 0;  // of what follows

  static constexpr uint32_t kMemory = 1;
  static constexpr uint32_t kEnd = 2;  // MigratedRegisters follow, then nothing
};
static_assert(sizeof(StreamRecord) == 24, "part of the device's stream format");

class SaveStream {
 public:
  SaveStream(Machine& machine, const SimulatedOptions& options);
  ~SaveStream() { end(); }
  SaveStream(const SaveStream&) = delete;
  SaveStream& operator=(const SaveStream&) = delete;

  // As much as there is now, up to into.size; 0: nothing for now. `stopped`: the device is in STOP_COPY, so
  // that the end may come. `bytes` counts what was delivered even when an errno is returned.
  int read(Bytes into, bool stopped, size_t& bytes);
  // The pace at which there is something to read; it has no say where there is nothing left.
  const SavePacer& pacer() const { return pacer_; }
  bool hasMore(bool stopped);

  // `quiesced`: in PRE_COPY_P2P.
  PrecopyInfo precopyInfo(bool quiesced);
  // The device entered STOP_COPY.
  void stopped();
  // Bytes to the end of the stream if the device stopped now.
  uint64_t estimate() const;
  static uint64_t wholeEstimate(uint64_t stateBytes);

  // The session is over; the stream object may live on in somebody's hands.
  void end();
  bool ended() const { return ended_; }

  // Saving went wrong behind the user's back: nothing can be read any more.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

 private:
  template <typename Header>
  void announce(const Header& header);
  bool announceNext(bool stopped);
  std::optional<Area> nextRun(bool stopped);

  Machine& machine_;
  const Personality personality_;
  std::unique_ptr<PrecopyPolicy> policy_;
  SavePacer pacer_;
  SaveProgress progress_;
  std::array<uint8_t, 64> literal_{};  // headers and registers on their way out
  size_t literalSize_ = 0;
  size_t literalSent_ = 0;
  Area run_{};  // announced memory still to be sent
  bool headerSent_ = false;
  bool endSent_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace vfm
