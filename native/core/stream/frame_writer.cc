// SPDX-License-Identifier: MIT
#include "core/stream/frame_writer.h"

#include <utility>

#include "core/integrity/crc32.h"
#include "core/integrity/hmac_sha256.h"

namespace vfm {
namespace {

constexpr const char* kOperation = "write a stream";

template <typename Array>
iovec part(const Array& bytes) {
  return {const_cast<uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<FrameWriter> FrameWriter::over(Output& output, const Cancellation& cancellation,
                                      WriterOptions options) {
  if ((options.integrity == StreamIntegrity::kKeyed) == options.key.empty()) {
    return Failure::because(Reason::kInvalidArgument, kOperation,
                            "a key belongs to a keyed stream, and only there");
  }
  return FrameWriter(output, cancellation, std::move(options));
}

FrameWriter::FrameWriter(Output& output, const Cancellation& cancellation, WriterOptions options)
    : output_(output),
      cancellation_(cancellation),
      options_(std::move(options)),
      order_(options_.maxDataPayload, options_.integrity) {}

ChunkIntegrity FrameWriter::measure(ConstBytes payload) const {
  ChunkIntegrity measured;
  measured.crc = crc32(0, payload);
  if (hasDigests()) measured.digest = Sha256::of(payload);
  return measured;
}

Status FrameWriter::writeControl(FrameType type, uint32_t section, ConstBytes json) {
  if (type == FrameType::kData || type == FrameType::kEnd) {
    return Failure::because(Reason::kInvalidArgument, kOperation,
                            "data and the end record are not control frames");
  }
  FrameHeader header;
  header.type = static_cast<uint16_t>(type);
  header.section = section;
  return write(header, json, measure(json));
}

Status FrameWriter::writeData(uint32_t section, ConstBytes chunk) {
  return writeData(section, chunk, measure(chunk));
}

Status FrameWriter::writeData(uint32_t section, ConstBytes chunk, const ChunkIntegrity& known) {
  FrameHeader header;
  header.type = static_cast<uint16_t>(FrameType::kData);
  header.section = section;
  return write(header, chunk, known);
}

Status FrameWriter::finish() {
  EndRecord record;
  record.frames = counters_.frames;
  const size_t size = EndRecord::sizeFor(options_.integrity);
  record.length = counters_.bytes + FrameHeader::kSize + size;
  record.payloadBytes = counters_.payloadBytes;
  // Copies: a refused finish() (an open section) must leave the running hashes alone.
  record.headers = Sha256(headers_).finish();
  if (hasDigests()) record.digests = Sha256(digests_).finish();
  auto bytes = record.encode(options_.integrity);
  if (options_.integrity == StreamIntegrity::kKeyed) {
    record.mac =
        hmacSha256({options_.key.data(), options_.key.size()}, {bytes.data(), size - record.mac.size()});
    bytes = record.encode(options_.integrity);
  }
  FrameHeader header;
  header.type = static_cast<uint16_t>(FrameType::kEnd);
  return write(header, {bytes.data(), size}, ChunkIntegrity{crc32(0, {bytes.data(), size}), {}});
}

Status FrameWriter::write(FrameHeader header, ConstBytes payload, const ChunkIntegrity& known) {
  if (failed_) return *failed_;
  header.sequence = order_.nextSequence();
  header.length = payload.size;
  header.crc = known.crc;
  // Out of order is the caller's mistake here, not the stream's.
  if (Status accepted = order_.accept(header); !accepted) {
    if (accepted.failure().reason == Reason::kChunkTooLarge) return accepted;
    return Failure::because(Reason::kInvalidArgument, kOperation, accepted.failure().detail);
  }
  const auto encoded = header.encode();
  const bool trailer = hasDigests() && !header.is(FrameType::kEnd);

  std::array<uint8_t, Preamble::kSize> preamble;
  iovec parts[4];
  int count = 0;
  if (header.sequence == 0) {
    preamble = Preamble{options_.integrity}.encode();
    headers_.update({preamble.data(), preamble.size()});
    parts[count++] = part(preamble);
  }
  headers_.update({encoded.data(), encoded.size()});
  parts[count++] = part(encoded);
  parts[count++] = {const_cast<uint8_t*>(payload.data), payload.size};
  if (trailer) {
    digests_.update({known.digest.data(), known.digest.size()});
    parts[count++] = part(known.digest);
  }

  if (Status written = output_.writeAll(parts, count, cancellation_); !written) {
    failed_ = written.failure();
    return written;
  }
  for (int i = 0; i < count; ++i) counters_.bytes += parts[i].iov_len;
  ++counters_.frames;
  if (header.is(FrameType::kData)) counters_.payloadBytes += payload.size;
  return Status::success();
}

}  // namespace vfm
