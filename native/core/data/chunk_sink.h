// SPDX-License-Identifier: MIT
// Where the data of a load goes, the same for both protocols.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/data/flight_ring.h"

namespace vfm {

class ChunkSink {
 public:
  virtual ~ChunkSink() = default;

  // Room for the next chunk of exactly `length` bytes: the mapped region itself where the device allows it,
  // else a buffer. Valid until commit() or the next call. One thread at a time.
  virtual Result<Bytes> prepare(size_t length) = 0;
  // Hands the prepared chunk to the device. Without it, a prepared chunk never happened.
  virtual Status commit() = 0;
  // prepare, copy and commit in one, without the copy where that is possible.
  virtual Status put(ConstBytes chunk) = 0;
  // Whether chunks may be cut and joined on the way (v2). v1 wants each as it was saved.
  virtual bool needsBorders() const = 0;
  // From any thread: calls in progress and to come return Reason::kCancelled as soon as the backend can.
  virtual void cancel() = 0;
  // As ChunkSource::noteIn.
  virtual void noteIn(std::shared_ptr<FlightRing>) {}
};

}  // namespace vfm
