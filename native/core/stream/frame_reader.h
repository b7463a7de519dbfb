// SPDX-License-Identifier: MIT
// Reads a stream and refuses anything that is not exactly one.
#pragma once

#include <optional>
#include <vector>

#include "core/io/input.h"
#include "core/stream/frame_header.h"
#include "core/stream/frame_order.h"
#include "core/stream/frame_writer.h"

namespace vfm {

struct ReaderOptions {
  // Longest chunk accepted, in bytes: what the caller has room for (kChunkTooLarge).
  uint64_t maxDataPayload = uint64_t{64} << 20;
  // Not empty: only a stream with a MAC made with this key is accepted. Empty: a MAC is passed over,
  // unproven.
  std::vector<uint8_t> key;
  // The weakest integrity accepted (kCorrupt below it). A key asks for kKeyed by itself.
  StreamIntegrity atLeast = StreamIntegrity::kChecksums;
  // Whether the descriptor must end with the stream. False on a connection that is used further: nothing past
  // the end record is read then.
  bool endsWithStream = true;
};

// Not thread-safe. After a failure other than kInvalidArgument every further call answers that same failure.
//
// Payloads are handed out before the end record has proven the whole: what is done with them must be undone
// (for a device: it must not leave RESUMING but by a reset) unless finished() becomes true.
class FrameReader {
 public:
  // Both are borrowed and must outlive the reader.
  FrameReader(Input& input, const Cancellation& cancellation, ReaderOptions options = {});

  // The next frame's header, checked; its payload is to be read or skipped before the next call. Frames of
  // unknown type that may be skipped are skipped here. The end record comes last, already verified and
  // without a payload to read: finished() is then true and calling again is kInvalidArgument. Fails with
  // kMalformed, kCorrupt, kVersion, kTruncated, kChunkTooLarge, kCancelled, or the errno of a read.
  Result<FrameHeader> next();

  // The whole payload into the caller's memory (exactly payloadLeft() bytes), then its checks: on kCorrupt
  // the memory holds bytes that must not be used. The checksum is computed from that memory: it must read
  // back what was written.
  Status readPayload(Bytes into);
  // Part of the payload, for memory that is not in one piece; the checks come with the last part.
  Status readPart(Bytes into);
  // Passes over the rest of the payload, checked like any other, in constant memory.
  Status skipPayload();

  uint64_t payloadLeft() const { return left_; }
  bool finished() const { return finished_; }
  // After the first next().
  StreamIntegrity integrity() const { return integrity_; }
  // Whether finished() rests on the key that was given.
  bool authenticated() const { return finished_ && !options_.key.empty(); }
  const StreamCounters& counters() const { return counters_; }

 private:
  Result<FrameHeader> advance();
  Status readPreamble();
  Status take(Bytes into);
  Status payloadPart(Bytes into);
  Status payloadSkipped();
  Status closePayload();
  Status verifyEnd();
  Failure fail(Failure failure);
  bool hasDigests() const { return integrity_ != StreamIntegrity::kChecksums; }

  Input& input_;
  const Cancellation& cancellation_;
  ReaderOptions options_;
  FrameOrder order_;
  StreamIntegrity integrity_ = StreamIntegrity::kChecksums;
  FrameHeader current_;
  bool started_ = false;
  bool in_payload_ = false;  // a frame is open: payload or its checks are still to come
  bool finished_ = false;
  uint64_t left_ = 0;
  uint32_t crc_ = 0;
  Sha256 digest_;  // of the current payload
  Sha256 headers_;
  Sha256 digests_;
  StreamCounters counters_;
  std::optional<Failure> failed_;
};

}  // namespace vfm
