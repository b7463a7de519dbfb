// SPDX-License-Identifier: MIT
// Writes a stream, frame by frame, each in one system call where the descriptor takes it whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/io/output.h"
#include "core/stream/frame_header.h"
#include "core/stream/frame_order.h"

namespace vfm {

struct StreamCounters {
  uint64_t frames = 0;
  uint64_t bytes = 0;         // everything, preamble and headers included
  uint64_t payloadBytes = 0;  // of data frames
};

struct WriterOptions {
  StreamIntegrity integrity = StreamIntegrity::kChecksums;
  std::vector<uint8_t> key;  // kKeyed only, and there not empty; 32 random bytes are right
  // Longest chunk taken, in bytes. A reader has a limit of its own.
  uint64_t maxDataPayload = uint64_t{1} << 30;
};

// What somebody (another thread, a copy loop) already computed over a chunk.
struct ChunkIntegrity {
  uint32_t crc = 0;
  Sha256Digest digest{};  // looked at only where the stream carries digests
};

// Not thread-safe. After a failure of the descriptor, or a cancel, every further call answers that same
// failure: nobody can know how much of the last frame is out. A refused argument (kInvalidArgument, a frame
// out of order) writes nothing and spoils nothing.
class FrameWriter {
 public:
  // Both are borrowed and must outlive the writer. kInvalidArgument: a key without kKeyed, kKeyed without a
  // key.
  static Result<FrameWriter> over(Output& output, const Cancellation& cancellation,
                                  WriterOptions options = {});

  // Manifest (first, section 0), section-begin (section nextSection()) or section-end. `json`: at most
  // kMaxControlPayload bytes of UTF-8; not looked at here.
  Status writeControl(FrameType type, uint32_t section, ConstBytes json);
  // One chunk, whose borders the reader gets back as they are. Borrowed for the call: neither copied nor
  // kept. The kernel reads it after the checksum was taken, so nobody may write to it meanwhile.
  Status writeData(uint32_t section, ConstBytes chunk);
  Status writeData(uint32_t section, ConstBytes chunk, const ChunkIntegrity& known);
  // What the other writeData() wants to know, for whoever has the chunk in his cache. Any thread.
  ChunkIntegrity measure(ConstBytes chunk) const;
  // The end record. Sections must be closed. Nothing is flushed to disk: that is the descriptor's owner's
  // business.
  Status finish();

  Channel::Medium medium() const { return output_.medium(); }
  uint32_t nextSection() const { return order_.nextSection(); }
  bool finished() const { return order_.ended() && !failed_; }
  const StreamCounters& counters() const { return counters_; }

 private:
  FrameWriter(Output& output, const Cancellation& cancellation, WriterOptions options);
  bool hasDigests() const { return options_.integrity != StreamIntegrity::kChecksums; }
  Status write(FrameHeader header, ConstBytes payload, const ChunkIntegrity& known);

  Output& output_;
  const Cancellation& cancellation_;
  WriterOptions options_;
  FrameOrder order_;
  Sha256 headers_;
  Sha256 digests_;
  StreamCounters counters_;
  std::optional<Failure> failed_;
};

}  // namespace vfm
