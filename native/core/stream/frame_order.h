// SPDX-License-Identifier: MIT
// The order frames must come in. Writer and reader hold one each, so neither can make what the other would
// refuse.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/stream/frame_header.h"

namespace vfm {

class FrameOrder {
 public:
  // Bounds the memory a hostile stream can make a reader use.
  static constexpr size_t kMaxOpenSections = 1024;

  // `maxDataPayload`: longest data frame accepted, in bytes.
  explicit FrameOrder(uint64_t maxDataPayload, StreamIntegrity integrity = StreamIntegrity::kChecksums)
      : max_data_payload_(maxDataPayload), integrity_(integrity) {}

  // Whether `header` may come next (kMalformed, kCorrupt for a gap in the sequence, kVersion for a type that
  // cannot be skipped, kChunkTooLarge); if so it counts as having come.
  Status accept(const FrameHeader& header);

  void setIntegrity(StreamIntegrity integrity) { integrity_ = integrity; }
  uint64_t nextSequence() const { return next_sequence_; }
  // The number the next section-begin must carry: 1, 2, 3, ... in the order of opening.
  uint32_t nextSection() const { return next_section_; }
  bool ended() const { return ended_; }

 private:
  Status acceptKnown(const FrameHeader& header);
  bool isOpen(uint32_t section) const;

  uint64_t max_data_payload_;
  StreamIntegrity integrity_;
  uint64_t next_sequence_ = 0;
  uint32_t next_section_ = 1;
  std::vector<uint32_t> open_;
  bool ended_ = false;
};

}  // namespace vfm
