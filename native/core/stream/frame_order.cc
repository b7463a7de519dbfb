// SPDX-License-Identifier: MIT
#include "core/stream/frame_order.h"

#include <algorithm>
#include <limits>
#include <string>

namespace vfm {
namespace {

Failure refuse(Reason reason, const FrameHeader& header, std::string detail) {
  return Failure::because(reason, "frame " + std::to_string(header.sequence), std::move(detail));
}

}  // namespace

bool FrameOrder::isOpen(uint32_t section) const {
  return std::find(open_.begin(), open_.end(), section) != open_.end();
}

Status FrameOrder::accept(const FrameHeader& header) {
  if (ended_) return refuse(Reason::kMalformed, header, "a frame after the end record");
  if (header.sequence != next_sequence_) {
    return refuse(Reason::kCorrupt, header, "frame " + std::to_string(next_sequence_) + " was expected here");
  }
  const bool known = isKnownFrameType(header.type);
  const uint16_t allowed = known ? 0 : FrameHeader::kMayBeSkipped;
  if ((header.flags & ~allowed) != 0) {
    return refuse(Reason::kVersion, header,
                  "flags " + std::to_string(header.flags) + " are not of version 1");
  }
  if (!known && (header.flags & FrameHeader::kMayBeSkipped) == 0) {
    return refuse(Reason::kVersion, header,
                  "type " + std::to_string(header.type) + " is unknown and may not be skipped");
  }
  if (header.is(FrameType::kData)) {
    if (header.length > max_data_payload_) {
      return refuse(Reason::kChunkTooLarge, header,
                    "a chunk of " + std::to_string(header.length) + " bytes; at most " +
                        std::to_string(max_data_payload_) + " are accepted");
    }
  } else if (header.length > kMaxControlPayload) {
    return refuse(Reason::kMalformed, header,
                  "a control frame of " + std::to_string(header.length) + " bytes");
  }
  if ((header.sequence == 0) != header.is(FrameType::kManifest)) {
    return refuse(Reason::kMalformed, header, "the manifest is the first frame, and only that");
  }
  if (known) {
    if (Status accepted = acceptKnown(header); !accepted) return accepted;
  } else if (header.section != 0 && !isOpen(header.section)) {
    return refuse(Reason::kMalformed, header, "section " + std::to_string(header.section) + " is not open");
  }
  ++next_sequence_;
  return Status::success();
}

Status FrameOrder::acceptKnown(const FrameHeader& header) {
  // Made only for a refusal: this runs once a chunk.
  const auto section = [&header] { return "section " + std::to_string(header.section); };
  switch (static_cast<FrameType>(header.type)) {
    case FrameType::kManifest:
      if (header.section != 0) return refuse(Reason::kMalformed, header, "a manifest inside " + section());
      if (header.length == 0) return refuse(Reason::kMalformed, header, "an empty manifest");
      return Status::success();
    case FrameType::kSectionBegin:
      if (header.section != next_section_) {
        return refuse(Reason::kMalformed, header,
                      section() + " begins where " + std::to_string(next_section_) + " should");
      }
      if (header.length == 0)
        return refuse(Reason::kMalformed, header, section() + " does not say what it is");
      if (open_.size() == kMaxOpenSections)
        return refuse(Reason::kMalformed, header, "too many open sections");
      if (next_section_ == std::numeric_limits<uint32_t>::max()) {
        return refuse(Reason::kMalformed, header, "too many sections");
      }
      open_.push_back(next_section_++);
      return Status::success();
    case FrameType::kData:
      if (!isOpen(header.section)) return refuse(Reason::kMalformed, header, section() + " is not open");
      if (header.length == 0) return refuse(Reason::kMalformed, header, "an empty chunk");
      return Status::success();
    case FrameType::kSectionEnd: {
      const auto found = std::find(open_.begin(), open_.end(), header.section);
      if (found == open_.end()) return refuse(Reason::kMalformed, header, section() + " is not open");
      open_.erase(found);
      return Status::success();
    }
    case FrameType::kEnd:
      if (header.section != 0) return refuse(Reason::kMalformed, header, "an end record inside " + section());
      if (!open_.empty()) {
        return refuse(Reason::kMalformed, header,
                      "section " + std::to_string(open_.front()) + " was never closed");
      }
      if (header.length != EndRecord::sizeFor(integrity_)) {
        return refuse(Reason::kMalformed, header,
                      "an end record of " + std::to_string(header.length) + " bytes");
      }
      ended_ = true;
      return Status::success();
  }
  return refuse(Reason::kVersion, header, "type " + std::to_string(header.type) + " is unknown");
}

}  // namespace vfm
