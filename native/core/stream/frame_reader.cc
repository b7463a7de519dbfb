// SPDX-License-Identifier: MIT
#include "core/stream/frame_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/integrity/crc32.h"
#include "core/integrity/hmac_sha256.h"

namespace vfm {
namespace {

constexpr const char* kOperation = "read a stream";

Failure misuse(const char* detail) { return Failure::because(Reason::kInvalidArgument, kOperation, detail); }

}  // namespace

FrameReader::FrameReader(Input& input, const Cancellation& cancellation, ReaderOptions options)
    : input_(input),
      cancellation_(cancellation),
      options_(std::move(options)),
      order_(options_.maxDataPayload) {
  if (!options_.key.empty()) options_.atLeast = StreamIntegrity::kKeyed;
}

Failure FrameReader::fail(Failure failure) {
  failed_ = failure;
  return failure;
}

Result<FrameHeader> FrameReader::next() {
  if (failed_) return *failed_;
  if (finished_) return misuse("the stream is finished");
  if (in_payload_) return misuse("the payload before was neither read nor skipped");
  for (;;) {
    auto header = advance();
    if (!header) return fail(std::move(header).failure());
    if (isKnownFrameType(header->type)) return header;
    if (Status skipped = payloadSkipped(); !skipped) return fail(std::move(skipped).failure());
  }
}

// Fails where the stream ends before `into` is full; the bytes count.
Status FrameReader::take(Bytes into) {
  auto count = input_.readFully(into, cancellation_);
  if (!count) return std::move(count).failure();
  counters_.bytes += *count;
  if (*count == into.size) return Status::success();
  return Failure::because(
      Reason::kTruncated, kOperation,
      "it ends after " + std::to_string(counters_.bytes) + " bytes, without its end record");
}

Status FrameReader::readPreamble() {
  std::array<uint8_t, Preamble::kSize> bytes;
  if (Status taken = take({bytes.data(), bytes.size()}); !taken) return taken;
  auto preamble = Preamble::decode(bytes);
  if (!preamble) return std::move(preamble).failure();
  integrity_ = preamble->integrity;
  if (integrity_ < options_.atLeast) {
    const char* missing = options_.atLeast == StreamIntegrity::kKeyed ? "a MAC" : "digests";
    return Failure::because(Reason::kCorrupt, kOperation,
                            std::string("the stream has no ") + missing + ", which the caller asks for");
  }
  order_.setIntegrity(integrity_);
  headers_.update({bytes.data(), bytes.size()});
  return Status::success();
}

Result<FrameHeader> FrameReader::advance() {
  if (!started_) {
    if (Status read = readPreamble(); !read) return std::move(read).failure();
    started_ = true;
  }
  std::array<uint8_t, FrameHeader::kSize> bytes;
  if (Status taken = take({bytes.data(), bytes.size()}); !taken) return std::move(taken).failure();
  auto header = FrameHeader::decode(bytes);
  if (!header) {
    return Failure::because(
        Reason::kCorrupt, kOperation,
        "frame " + std::to_string(order_.nextSequence()) + ": " + header.failure().detail);
  }
  if (Status accepted = order_.accept(*header); !accepted) return std::move(accepted).failure();
  current_ = *header;
  in_payload_ = true;
  left_ = current_.length;
  crc_ = 0;
  if (hasDigests()) digest_ = Sha256();
  if (current_.is(FrameType::kEnd)) {
    if (Status verified = verifyEnd(); !verified) return std::move(verified).failure();
    return current_;
  }
  headers_.update({bytes.data(), bytes.size()});
  return current_;
}

Status FrameReader::readPayload(Bytes into) {
  if (failed_) return *failed_;
  if (!in_payload_ || into.size != left_) return misuse("the memory must be as long as the payload");
  return readPart(into);
}

Status FrameReader::readPart(Bytes into) {
  if (failed_) return *failed_;
  if (!in_payload_ || into.size > left_) return misuse("more than the payload has left");
  Status read = payloadPart(into);
  if (!read) return fail(std::move(read).failure());
  return read;
}

Status FrameReader::skipPayload() {
  if (failed_) return *failed_;
  if (!in_payload_) return misuse("there is no payload to skip");
  Status skipped = payloadSkipped();
  if (!skipped) return fail(std::move(skipped).failure());
  return skipped;
}

Status FrameReader::payloadPart(Bytes into) {
  if (Status taken = take(into); !taken) return taken;
  left_ -= into.size;
  crc_ = crc32(crc_, into);
  if (hasDigests() && !current_.is(FrameType::kEnd)) digest_.update(into);
  return left_ == 0 ? closePayload() : Status::success();
}

Status FrameReader::payloadSkipped() {
  uint8_t bytes[16384];
  do {
    const auto size = static_cast<size_t>(std::min<uint64_t>(left_, sizeof bytes));
    if (Status part = payloadPart({bytes, size}); !part) return part;
  } while (left_ > 0);
  return Status::success();
}

// After the payload's last byte: the digest behind it, and whether both match.
Status FrameReader::closePayload() {
  const auto corrupt = [this](const char* what) {
    return Failure::because(Reason::kCorrupt, kOperation,
                            "frame " + std::to_string(current_.sequence) + what);
  };
  if (hasDigests() && !current_.is(FrameType::kEnd)) {
    Sha256Digest stated;
    if (Status taken = take({stated.data(), stated.size()}); !taken) return taken;
    if (!equalDigests(stated, digest_.finish())) {
      return corrupt(": the payload's SHA-256 does not match");
    }
    digests_.update({stated.data(), stated.size()});
  }
  if (crc_ != current_.crc) {
    return corrupt(": the payload's checksum does not match");
  }
  in_payload_ = false;
  ++counters_.frames;
  if (current_.is(FrameType::kData)) counters_.payloadBytes += current_.length;
  return Status::success();
}

Status FrameReader::verifyEnd() {
  const auto corrupt = [](const char* detail) {
    return Failure::because(Reason::kCorrupt, kOperation, detail);
  };
  const uint64_t frames = counters_.frames;
  uint8_t bytes[EndRecord::kMaxSize];
  const auto size = static_cast<size_t>(left_);  // FrameOrder has checked it against the record's size
  if (Status read = payloadPart({bytes, size}); !read) return read;
  const EndRecord record = EndRecord::decode({bytes, size}, integrity_);
  if (record.frames != frames) return corrupt("the end record counts other frames than came");
  if (record.length != counters_.bytes)
    return corrupt("the end record gives another length than the stream has");
  if (record.payloadBytes != counters_.payloadBytes)
    return corrupt("the end record counts other bytes than came");
  if (!equalDigests(record.headers, headers_.finish())) {
    return corrupt("the SHA-256 over the frame headers does not match");
  }
  if (hasDigests() && !equalDigests(record.digests, digests_.finish())) {
    return corrupt("the SHA-256 over the frames' digests does not match");
  }
  if (!options_.key.empty()) {
    const Sha256Digest mac =
        hmacSha256({options_.key.data(), options_.key.size()}, {bytes, size - record.mac.size()});
    if (!equalDigests(record.mac, mac)) return corrupt("the MAC does not match: other key, or forged");
  }
  if (options_.endsWithStream) {
    uint8_t more;
    auto count = input_.readSome({&more, 1}, cancellation_);
    if (!count) return std::move(count).failure();
    if (*count != 0) return Failure::because(Reason::kMalformed, kOperation, "bytes follow the end record");
  }
  finished_ = true;
  return Status::success();
}

}  // namespace vfm
