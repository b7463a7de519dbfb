// SPDX-License-Identifier: MIT
// Where the data of a save comes from, the same for both protocols: v1 rounds (core/v1) or v2 reads
// (session_source.h).
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/data/flight_ring.h"
#include "core/data/memory.h"
#include "core/device/session.h"

namespace vfm {

struct Turn {
  Progress progress = Progress::kEnd;  // kBytes, kDrained or kEnd; kAgain never leaves a source
  Bytes bytes;                         // of kBytes
  std::shared_ptr<void> memory;        // keeps `bytes` valid; the source itself may reuse it at the next turn
};

// Where the bytes of a turn may lie.
enum class Place {
  kAnywhere,  // in the device's own memory where that saves a copy (v1 through a mapping)
  kAside,     // in the memory of whoever asks, so that the next turn may come while they are used
};

class ChunkSource {
 public:
  // Memory for several chunks of this size fits the caches of two processors; nobody has several of larger
  // ones, and nothing is won by laying them aside.
  static constexpr size_t kLargestAside = size_t{4} << 20;

  virtual ~ChunkSource() = default;

  // The next chunk, in memory that the next call may overwrite (that is the acknowledge of v1). One thread at
  // a time.
  virtual Result<Turn> next() = 0;
  // The next chunk, in `memory`: allocated where it is null or too small, and nobody else's. Where the chunk
  // can be used in the device's own memory, and `place` allows it or the chunk is larger than kLargestAside,
  // `memory` stays as it is, and the next call may overwrite the chunk.
  virtual Result<Turn> nextInto(std::shared_ptr<Memory>& memory, Place place) = 0;
  // The next chunk, in memory that nobody else will touch.
  virtual Result<Turn> nextOwned() = 0;
  // From now on at most about `bytes` a chunk, where chunks may be cut anywhere (v2). One thread at a time.
  virtual void limitChunks(size_t /*bytes*/) {}
  // From any thread: calls in progress and to come return Reason::kCancelled as soon as the backend can.
  virtual void cancel() = 0;
  // Where to note what chunks alone do not show, before the first of them; the pumps note the chunks.
  virtual void noteIn(std::shared_ptr<FlightRing>) {}
};

}  // namespace vfm
