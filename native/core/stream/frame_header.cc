// SPDX-License-Identifier: MIT
#include "core/stream/frame_header.h"

#include <algorithm>

#include "core/integrity/crc32.h"

namespace vfm {
namespace {

// First byte outside ASCII, both line endings, end-of-file of DOS: a transfer in text mode shows at once.
constexpr uint8_t kMagic[8] = {0x89, 'V', 'F', 'M', '\r', '\n', 0x1A, '\n'};

constexpr uint16_t kPreambleDigests = 1;
constexpr uint16_t kPreambleKeyed = 2;

template <typename Integer>
void put(uint8_t* to, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <typename Integer>
Integer get(const uint8_t* from) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof value; ++i)
    value = static_cast<Integer>(value | static_cast<Integer>(from[i]) << (8 * i));
  return value;
}

}  // namespace

bool isKnownFrameType(uint16_t type) {
  return type >= static_cast<uint16_t>(FrameType::kManifest) &&
         type <= static_cast<uint16_t>(FrameType::kEnd);
}

std::array<uint8_t, Preamble::kSize> Preamble::encode() const {
  std::array<uint8_t, kSize> bytes{};
  std::copy(std::begin(kMagic), std::end(kMagic), bytes.begin());
  put<uint16_t>(&bytes[8], kStreamVersion);
  uint16_t flags = 0;
  if (integrity != StreamIntegrity::kChecksums) flags |= kPreambleDigests;
  if (integrity == StreamIntegrity::kKeyed) flags |= kPreambleKeyed;
  put<uint16_t>(&bytes[10], flags);
  put<uint32_t>(&bytes[12], crc32(0, {bytes.data(), 12}));
  return bytes;
}

Result<Preamble> Preamble::decode(const std::array<uint8_t, kSize>& bytes) {
  if (!std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin())) {
    return Failure::because(Reason::kMalformed, "read the preamble",
                            "this is not a stream of a saved device");
  }
  if (get<uint32_t>(&bytes[12]) != crc32(0, {bytes.data(), 12})) {
    return Failure::because(Reason::kCorrupt, "read the preamble", "its checksum does not match");
  }
  const auto version = get<uint16_t>(&bytes[8]);
  if (version != kStreamVersion) {
    return Failure::because(Reason::kVersion, "read the preamble",
                            "format version " + std::to_string(version) + "; this reader knows version 1");
  }
  switch (get<uint16_t>(&bytes[10])) {
    case 0:
      return Preamble{StreamIntegrity::kChecksums};
    case kPreambleDigests:
      return Preamble{StreamIntegrity::kDigests};
    case kPreambleDigests | kPreambleKeyed:
      return Preamble{StreamIntegrity::kKeyed};
    default:
      return Failure::because(Reason::kVersion, "read the preamble",
                              "flags " + std::to_string(get<uint16_t>(&bytes[10])) + " are not of version 1");
  }
}

std::array<uint8_t, FrameHeader::kSize> FrameHeader::encode() const {
  std::array<uint8_t, kSize> bytes;
  put(&bytes[0], type);
  put(&bytes[2], flags);
  put(&bytes[4], section);
  put(&bytes[8], sequence);
  put(&bytes[16], length);
  put(&bytes[24], crc);
  put<uint32_t>(&bytes[28], crc32(0, {bytes.data(), 28}));
  return bytes;
}

Result<FrameHeader> FrameHeader::decode(const std::array<uint8_t, kSize>& bytes) {
  if (get<uint32_t>(&bytes[28]) != crc32(0, {bytes.data(), 28})) {
    return Failure::because(Reason::kCorrupt, "read a frame header", "its checksum does not match");
  }
  FrameHeader header;
  header.type = get<uint16_t>(&bytes[0]);
  header.flags = get<uint16_t>(&bytes[2]);
  header.section = get<uint32_t>(&bytes[4]);
  header.sequence = get<uint64_t>(&bytes[8]);
  header.length = get<uint64_t>(&bytes[16]);
  header.crc = get<uint32_t>(&bytes[24]);
  return header;
}

size_t EndRecord::sizeFor(StreamIntegrity integrity) {
  switch (integrity) {
    case StreamIntegrity::kChecksums:
      return 56;
    case StreamIntegrity::kDigests:
      return 88;
    case StreamIntegrity::kKeyed:
      break;
  }
  return kMaxSize;
}

std::array<uint8_t, EndRecord::kMaxSize> EndRecord::encode(StreamIntegrity integrity) const {
  std::array<uint8_t, kMaxSize> bytes{};
  put(&bytes[0], frames);
  put(&bytes[8], length);
  put(&bytes[16], payloadBytes);
  std::copy(headers.begin(), headers.end(), &bytes[24]);
  if (integrity != StreamIntegrity::kChecksums) std::copy(digests.begin(), digests.end(), &bytes[56]);
  if (integrity == StreamIntegrity::kKeyed) std::copy(mac.begin(), mac.end(), &bytes[88]);
  return bytes;
}

EndRecord EndRecord::decode(ConstBytes bytes, StreamIntegrity integrity) {
  EndRecord record;
  record.frames = get<uint64_t>(bytes.data);
  record.length = get<uint64_t>(bytes.data + 8);
  record.payloadBytes = get<uint64_t>(bytes.data + 16);
  std::copy(bytes.data + 24, bytes.data + 56, record.headers.begin());
  if (integrity != StreamIntegrity::kChecksums)
    std::copy(bytes.data + 56, bytes.data + 88, record.digests.begin());
  if (integrity == StreamIntegrity::kKeyed) std::copy(bytes.data + 88, bytes.data + 120, record.mac.begin());
  return record;
}

}  // namespace vfm
