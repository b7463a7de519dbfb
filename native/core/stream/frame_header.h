// SPDX-License-Identifier: MIT
// The fixed parts of the stream format, encoded and decoded: preamble, frame header, end record.
// docs/stream-format.md is the specification; nothing here knows about order or descriptors.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/integrity/sha256.h"

namespace vfm {

inline constexpr uint16_t kStreamVersion = 1;
// Of any frame but data: manifests and sections are small, and readers keep them whole.
inline constexpr uint64_t kMaxControlPayload = uint64_t{1} << 20;

enum class FrameType : uint16_t { kManifest = 1, kSectionBegin = 2, kData = 3, kSectionEnd = 4, kEnd = 5 };

// Whether the numbers of FrameType include this one; anything else is from a later writer.
bool isKnownFrameType(uint16_t type);

// How far a stream proves itself, most trusting first; each includes the ones before.
enum class StreamIntegrity {
  kChecksums,  // CRC-32 a frame, SHA-256 over the headers: accidents
  kDigests,    // and SHA-256 a frame: accidents CRC-32 cannot see
  kKeyed       // and an HMAC-SHA256 over all that: forgery
};

struct Preamble {
  static constexpr size_t kSize = 16;
  StreamIntegrity integrity = StreamIntegrity::kChecksums;

  std::array<uint8_t, kSize> encode() const;
  // kMalformed: not such a stream; kCorrupt: damaged; kVersion: a later format.
  static Result<Preamble> decode(const std::array<uint8_t, kSize>& bytes);
};

struct FrameHeader {
  static constexpr size_t kSize = 32;
  // A reader that does not know the type may pass the frame over. Never set on the types of this version.
  static constexpr uint16_t kMayBeSkipped = 1;

  uint16_t type = 0;  // a FrameType, or a number this version does not know
  uint16_t flags = 0;
  uint32_t section = 0;   // 0: the stream as a whole
  uint64_t sequence = 0;  // 0, 1, 2, ... over all frames of a stream
  uint64_t length = 0;    // payload bytes
  uint32_t crc = 0;       // CRC-32 of the payload

  bool is(FrameType known) const { return type == static_cast<uint16_t>(known); }

  std::array<uint8_t, kSize> encode() const;
  // Only the header's own CRC is checked here. kCorrupt.
  static Result<FrameHeader> decode(const std::array<uint8_t, kSize>& bytes);
};

struct EndRecord {
  static constexpr size_t kMaxSize = 120;

  uint64_t frames = 0;  // before this one
  uint64_t length = 0;  // of the whole stream in bytes, from the preamble to the last byte of this record
  uint64_t payloadBytes = 0;  // in data frames
  Sha256Digest headers{};     // SHA-256 over the preamble and every frame header before this one's
  Sha256Digest digests{};     // kDigests and kKeyed: SHA-256 over all the frames' digests
  Sha256Digest mac{};         // kKeyed: HMAC-SHA256 over the bytes of this record before it

  static size_t sizeFor(StreamIntegrity integrity);
  // The first sizeFor(integrity) bytes of the answer are the record; `mac` is put in as it is.
  std::array<uint8_t, kMaxSize> encode(StreamIntegrity integrity) const;
  // `bytes` must be sizeFor(integrity) long.
  static EndRecord decode(ConstBytes bytes, StreamIntegrity integrity);
};

}  // namespace vfm
