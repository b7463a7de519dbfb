// SPDX-License-Identifier: MIT
// Streams in memory: written by the real writer, taken apart into frames, read back by the real reader.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/integrity/crc32.h"
#include "core/stream/frame_reader.h"
#include "core/stream/frame_writer.h"

namespace vfm::test {

using Buffer = std::vector<uint8_t>;

inline ConstBytes view(const Buffer& bytes) { return {bytes.data(), bytes.size()}; }
inline ConstBytes view(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::shared_ptr<Cancellation> cancellation() {
  auto made = Cancellation::create();
  REQUIRE(made.ok());
  return *made;
}

inline UniqueFd memoryFile(const Buffer& content = {}) {
  UniqueFd file(::memfd_create("stream", MFD_CLOEXEC));
  REQUIRE(file);
  REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  return file;
}

inline Buffer contentOf(const UniqueFd& file) {
  Buffer content(static_cast<size_t>(::lseek(file.get(), 0, SEEK_END)));
  REQUIRE(::pread(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return content;
}

// Runs `fill` over a writer into memory; the content afterwards.
template <typename Fill>
Buffer written(WriterOptions options, Fill fill) {
  const UniqueFd file = memoryFile();
  const auto cancel = cancellation();
  auto output = Output::over(file.get());
  REQUIRE(output.ok());
  auto writer = FrameWriter::over(*output, *cancel, std::move(options));
  REQUIRE(writer.ok());
  fill(*writer);
  Buffer content = contentOf(file);
  CHECK(writer->counters().bytes == content.size());
  return content;
}

// What a reader made of a stream.
struct Event {
  FrameHeader header;
  Buffer payload;
};
struct Reading {
  std::vector<Event> events;  // without the end record
  bool finished = false;
  bool authenticated = false;
  std::optional<Failure> failure;
  StreamCounters counters;
};

inline Reading readFrom(int fd, ReaderOptions options = {}, bool skip = false) {
  Reading reading;
  const auto cancel = cancellation();
  auto input = Input::over(fd);
  REQUIRE(input.ok());
  FrameReader reader(*input, *cancel, std::move(options));
  for (;;) {
    auto header = reader.next();
    if (!header) {
      reading.failure = header.failure();
      // A reader that failed once stays failed.
      CHECK(reader.next().failure().detail == header.failure().detail);
      break;
    }
    if (header->is(FrameType::kEnd)) break;
    Event event{*header, Buffer(skip ? 0 : static_cast<size_t>(header->length))};
    Status read =
        skip ? reader.skipPayload() : reader.readPayload({event.payload.data(), event.payload.size()});
    if (!read) {
      reading.failure = read.failure();
      break;
    }
    reading.events.push_back(std::move(event));
  }
  reading.finished = reader.finished();
  CHECK(reading.finished != reading.failure.has_value());
  reading.authenticated = reader.authenticated();
  reading.counters = reader.counters();
  return reading;
}

inline Reading readBack(const Buffer& content, ReaderOptions options = {}, bool skip = false) {
  const UniqueFd file = memoryFile(content);
  return readFrom(file.get(), std::move(options), skip);
}

// One frame with all that belongs to it, cut out of a stream.
inline std::vector<Buffer> framesOf(const Buffer& content, StreamIntegrity integrity) {
  std::vector<Buffer> frames;
  for (size_t at = Preamble::kSize; at < content.size();) {
    std::array<uint8_t, FrameHeader::kSize> bytes;
    std::memcpy(bytes.data(), &content[at], bytes.size());
    const auto header = FrameHeader::decode(bytes);
    REQUIRE(header.ok());
    const bool trailer = integrity != StreamIntegrity::kChecksums && !header->is(FrameType::kEnd);
    const size_t size = FrameHeader::kSize + static_cast<size_t>(header->length) + (trailer ? 32 : 0);
    frames.emplace_back(content.begin() + static_cast<ptrdiff_t>(at),
                        content.begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
  }
  return frames;
}

inline Buffer joined(const Buffer& content, const std::vector<Buffer>& frames) {
  Buffer all(content.begin(), content.begin() + Preamble::kSize);
  for (const Buffer& frame : frames) all.insert(all.end(), frame.begin(), frame.end());
  return all;
}

inline FrameHeader headerOf(const Buffer& frame) {
  std::array<uint8_t, FrameHeader::kSize> bytes;
  std::memcpy(bytes.data(), frame.data(), bytes.size());
  auto header = FrameHeader::decode(bytes);
  REQUIRE(header.ok());
  return *header;
}

inline void setHeader(Buffer& frame, const FrameHeader& header) {
  const auto bytes = header.encode();
  std::copy(bytes.begin(), bytes.end(), frame.begin());
}

// The frames as they are, under an end record that fits them as far as its author can do without the key;
// `edit` has the last word on the record.
template <typename Edit>
Buffer sealed(const Buffer& content, std::vector<Buffer> frames, StreamIntegrity integrity, Edit edit) {
  const bool digests = integrity != StreamIntegrity::kChecksums;
  const size_t size = EndRecord::sizeFor(integrity);
  Sha256 headers;
  Sha256 all_digests;
  headers.update({content.data(), Preamble::kSize});
  EndRecord record;
  record.length = Preamble::kSize;
  for (Buffer& frame : frames) {
    FrameHeader header = headerOf(frame);
    record.length += frame.size();
    if (!header.is(FrameType::kEnd)) {
      if (digests) all_digests.update({&frame[frame.size() - 32], 32});
      headers.update({frame.data(), FrameHeader::kSize});
      ++record.frames;
      if (header.is(FrameType::kData)) record.payloadBytes += header.length;
      continue;
    }
    record.headers = headers.finish();
    if (digests) record.digests = all_digests.finish();
    edit(record);
    const auto bytes = record.encode(integrity);
    std::copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size),
              frame.begin() + FrameHeader::kSize);
    header.crc = crc32(0, {frame.data() + FrameHeader::kSize, size});
    setHeader(frame, header);
  }
  return joined(content, frames);
}

inline Buffer sealed(const Buffer& content, std::vector<Buffer> frames, StreamIntegrity integrity) {
  return sealed(content, std::move(frames), integrity, [](EndRecord&) {});
}

// Everything an author of streams could compute without the key, computed anew: sequence, checksums, digests,
// counts.
inline Buffer repaired(const Buffer& content, std::vector<Buffer> frames, StreamIntegrity integrity) {
  for (size_t i = 0; i < frames.size(); ++i) {
    Buffer& frame = frames[i];
    FrameHeader header = headerOf(frame);
    header.sequence = i;
    const ConstBytes payload{frame.data() + FrameHeader::kSize, static_cast<size_t>(header.length)};
    header.crc = crc32(0, payload);
    setHeader(frame, header);
    if (integrity != StreamIntegrity::kChecksums && !header.is(FrameType::kEnd)) {
      const Sha256Digest digest = Sha256::of(payload);
      std::copy(digest.begin(), digest.end(), frame.end() - 32);
    }
  }
  return sealed(content, std::move(frames), integrity);
}

inline const Buffer kKey = {'a', ' ', 's', 'e', 'c', 'r', 'e', 't'};

inline WriterOptions writerFor(StreamIntegrity integrity) {
  WriterOptions options;
  options.integrity = integrity;
  if (integrity == StreamIntegrity::kKeyed) options.key = kKey;
  return options;
}

inline ReaderOptions readerFor(StreamIntegrity integrity) {
  ReaderOptions options;
  options.atLeast = integrity;
  if (integrity == StreamIntegrity::kKeyed) options.key = kKey;
  return options;
}

}  // namespace vfm::test
