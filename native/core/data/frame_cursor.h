// SPDX-License-Identifier: MIT
// A frame reader with one frame of look-ahead: whoever reads a section's data finds its end only by seeing
// the next frame, which then is still there for whoever comes after.
#pragma once

#include <optional>

#include "core/stream/frame_reader.h"

namespace vfm {

class FrameCursor {
 public:
  explicit FrameCursor(FrameReader& reader) : reader_(&reader) {}

  // The next frame's header, which stays the next one until taken.
  Result<FrameHeader> peek() {
    if (!ahead_) {
      auto header = reader_->next();
      if (!header) return header;
      ahead_ = *header;
    }
    return *ahead_;
  }
  // The caller reads or skips the payload of the frame it peeked.
  FrameReader& take() {
    ahead_.reset();
    return *reader_;
  }

 private:
  FrameReader* reader_;
  std::optional<FrameHeader> ahead_;
};

}  // namespace vfm
