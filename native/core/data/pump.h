// SPDX-License-Identifier: MIT
// Moves chunks between a device and a descriptor, a stream or another device, on the calling thread and,
// where that was measured to be faster, a second one that writes. The bytes are touched by nothing but the
// system calls, the checksum, and one copy where memory has to be crossed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/data/chunk_sink.h"
#include "core/data/chunk_source.h"
#include "core/data/flight_ring.h"
#include "core/data/frame_cursor.h"
#include "core/data/pump_mode.h"
#include "core/data/rate_limit.h"
#include "core/io/cancellation.h"
#include "core/io/input.h"
#include "core/io/output.h"
#include "core/stream/frame_writer.h"

namespace vfm {

// Shared with the thread that watches or steers a pump.
struct PumpControl {
  std::atomic<uint64_t> bytes{0};  // totals of the source or sink, over all its pumps
  std::atomic<uint64_t> chunks{0};
  std::atomic<bool> pause{false};  // a running pump stops at the next chunk border and clears it
  const std::shared_ptr<FlightRing> flight = std::make_shared<FlightRing>();
  PumpMode mode;  // the pumping thread's: what one pump found out holds for the next

  void count(size_t size) {
    bytes.fetch_add(size, std::memory_order_relaxed);
    chunks.fetch_add(1, std::memory_order_relaxed);
  }
  bool pauseAsked() { return pause.exchange(false, std::memory_order_acq_rel); }
};

struct Pumped {
  Progress progress = Progress::kEnd;  // kBytes: paused
  uint64_t bytes = 0;
  uint64_t chunks = 0;
};

// Each runs until the source is drained or at its end, or is paused. A limit is waited for at chunk borders
// only, where a pump may be paused.
Result<Pumped> pumpToOutput(ChunkSource& source, Output& output, const Cancellation& cancellation,
                            PumpControl& control, const Pace& pace = {});
Result<Pumped> pumpToFrames(ChunkSource& source, FrameWriter& writer, uint32_t section, PumpControl& control,
                            const Pace& pace = {});
Result<Pumped> pumpToSink(ChunkSource& source, ChunkSink& sink, PumpControl& control,
                          PumpControl& sinkControl, const Pace& pace = {});

// Until the input ends; only for sinks that do not need borders.
Result<Pumped> pumpFromInput(Input& input, ChunkSink& sink, size_t piece, const Cancellation& cancellation,
                             PumpControl& control);
// The data frames of `section` that follow, up to the first frame that is none of them.
Result<Pumped> pumpFromFrames(FrameCursor& frames, uint32_t section, ChunkSink& sink, PumpControl& control);
// The same, checked and thrown away.
Result<Pumped> skipFrames(FrameCursor& frames, uint32_t section, PumpControl& control);

}  // namespace vfm
