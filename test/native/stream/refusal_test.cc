// SPDX-License-Identifier: MIT
// Everything that is not exactly a stream is refused: by accident, and by an author who repairs the
// checksums.
#include <random>

#include "stream_fixture.h"

namespace {

using namespace vfm;
using namespace vfm::test;

constexpr StreamIntegrity kAll[] = {StreamIntegrity::kChecksums, StreamIntegrity::kDigests,
                                    StreamIntegrity::kKeyed};

// Two devices, interleaved; a section-end with and one without a payload.
Buffer sample(StreamIntegrity integrity) {
  return written(writerFor(integrity), [](FrameWriter& writer) {
    const auto json = [](const char* text) { return std::string(text); };
    REQUIRE(writer.writeControl(FrameType::kManifest, 0, view(json("{\"format\":1}"))).ok());
    REQUIRE(writer.writeControl(FrameType::kSectionBegin, 1, view(json("{\"device\":0}"))).ok());
    REQUIRE(writer.writeData(1, view(Buffer(40, 0xA5))).ok());
    REQUIRE(writer.writeControl(FrameType::kSectionBegin, 2, view(json("{\"device\":1}"))).ok());
    REQUIRE(
        writer.writeData(2, view(Buffer(40, 0xA5))).ok());  // equal to the other section's: only order tells
    REQUIRE(writer.writeData(1, view(Buffer(7, 1))).ok());
    REQUIRE(writer.writeControl(FrameType::kSectionEnd, 1, {}).ok());
    REQUIRE(writer.writeControl(FrameType::kSectionEnd, 2, view(json("{}"))).ok());
    REQUIRE(writer.finish().ok());
  });
}

Reason refusal(const Buffer& content, ReaderOptions options = {}) {
  const Reading reading = readBack(content, std::move(options));
  CHECK_FALSE(reading.finished);
  REQUIRE(reading.failure.has_value());
  return reading.failure->reason;
}

Buffer frame(uint16_t type, uint16_t flags, uint32_t section, const Buffer& payload, bool trailer) {
  FrameHeader header;
  header.type = type;
  header.flags = flags;
  header.section = section;
  header.length = payload.size();
  Buffer made(FrameHeader::kSize);
  setHeader(made, header);
  made.insert(made.end(), payload.begin(), payload.end());
  if (trailer) made.resize(made.size() + 32);
  return made;
}

}  // namespace

TEST_CASE("a flip of any bit anywhere is refused") {
  for (const StreamIntegrity integrity : kAll) {
    const Buffer whole = sample(integrity);
    REQUIRE(readBack(whole, readerFor(integrity)).finished);
    for (size_t at = 0; at < whole.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Buffer flipped = whole;
        flipped[at] ^= static_cast<uint8_t>(1 << bit);
        CAPTURE(at);
        CAPTURE(bit);
        REQUIRE_FALSE(readBack(flipped, readerFor(integrity)).finished);
        REQUIRE_FALSE(readBack(flipped, readerFor(integrity), true).finished);
      }
    }
  }
}

TEST_CASE("a stream cut anywhere is truncated, and says so") {
  for (const StreamIntegrity integrity : kAll) {
    const Buffer whole = sample(integrity);
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      REQUIRE(refusal(Buffer(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)),
                      readerFor(integrity)) == Reason::kTruncated);
    }
  }
}

TEST_CASE("bytes after the end record are refused") {
  for (const StreamIntegrity integrity : kAll) {
    Buffer content = sample(integrity);
    const Buffer twice = [&] {
      Buffer both = content;
      both.insert(both.end(), content.begin(), content.end());
      return both;
    }();
    CHECK(refusal(twice) == Reason::kMalformed);
    content.push_back(0);
    CHECK(refusal(content) == Reason::kMalformed);
  }
}

TEST_CASE("frames dropped, repeated or exchanged are refused, whichever they are") {
  for (const StreamIntegrity integrity : kAll) {
    const Buffer whole = sample(integrity);
    const auto frames = framesOf(whole, integrity);
    REQUIRE(frames.size() == 9);
    for (size_t i = 0; i < frames.size(); ++i) {
      CAPTURE(i);
      auto dropped = frames;
      dropped.erase(dropped.begin() + static_cast<ptrdiff_t>(i));
      REQUIRE_FALSE(readBack(joined(whole, dropped)).finished);
      auto repeated = frames;
      repeated.insert(repeated.begin() + static_cast<ptrdiff_t>(i), frames[i]);
      REQUIRE_FALSE(readBack(joined(whole, repeated)).finished);
      for (size_t j = i + 1; j < frames.size(); ++j) {
        auto exchanged = frames;
        std::swap(exchanged[i], exchanged[j]);
        REQUIRE_FALSE(readBack(joined(whole, exchanged)).finished);
        // Also with sequence numbers put right: then only the SHA-256 over the headers knows.
        for (size_t k = 0; k < exchanged.size(); ++k) {
          FrameHeader header = headerOf(exchanged[k]);
          header.sequence = k;
          setHeader(exchanged[k], header);
        }
        REQUIRE_FALSE(readBack(joined(whole, exchanged)).finished);
      }
    }
  }
}

TEST_CASE("a frame from another stream with the right number is refused") {
  for (const StreamIntegrity integrity : kAll) {
    const Buffer whole = sample(integrity);
    auto frames = framesOf(whole, integrity);
    Buffer foreign = frames[5];
    foreign[FrameHeader::kSize] ^= 0xFF;
    auto fixed = framesOf(repaired(
                              whole,
                              [&] {
                                auto all = frames;
                                all[5] = foreign;
                                return all;
                              }(),
                              integrity),
                          integrity);
    frames[5] = fixed[5];  // whole in itself: CRCs and digest are right
    CHECK(refusal(joined(whole, frames)) == Reason::kCorrupt);
  }
}

TEST_CASE("each field of the end record is checked by itself") {
  for (const StreamIntegrity integrity : {StreamIntegrity::kChecksums, StreamIntegrity::kDigests}) {
    const Buffer whole = sample(integrity);
    const auto frames = framesOf(whole, integrity);
    const auto edited = [&](auto edit) { return sealed(whole, frames, integrity, edit); };
    REQUIRE(edited([](EndRecord&) {}) == whole);
    CHECK(refusal(edited([](EndRecord& record) { ++record.frames; })) == Reason::kCorrupt);
    CHECK(refusal(edited([](EndRecord& record) { --record.length; })) == Reason::kCorrupt);
    CHECK(refusal(edited([](EndRecord& record) { ++record.payloadBytes; })) == Reason::kCorrupt);
    CHECK(refusal(edited([](EndRecord& record) { record.headers[31] ^= 1; })) == Reason::kCorrupt);
    if (integrity == StreamIntegrity::kChecksums) continue;
    CHECK(refusal(edited([](EndRecord& record) { record.digests[0] ^= 1; })) == Reason::kCorrupt);
  }
}

TEST_CASE("each check of a frame holds by itself, under an end record that fits the wrong frame") {
  for (const StreamIntegrity integrity : {StreamIntegrity::kChecksums, StreamIntegrity::kDigests}) {
    const Buffer whole = sample(integrity);
    const auto edited = [&](size_t which, auto edit) {
      auto frames = framesOf(whole, integrity);
      FrameHeader header = headerOf(frames[which]);
      edit(header, frames[which]);
      setHeader(frames[which], header);
      return sealed(whole, frames, integrity);
    };
    REQUIRE(edited(2, [](FrameHeader&, Buffer&) {}) == whole);
    CHECK(refusal(edited(2, [](FrameHeader& header, Buffer&) { ++header.sequence; })) == Reason::kCorrupt);
    CHECK(refusal(edited(2, [](FrameHeader& header, Buffer&) { header.sequence |= uint64_t{1} << 63; })) ==
          Reason::kCorrupt);
    CHECK(refusal(edited(8, [](FrameHeader& header, Buffer&) { header.sequence = 0; })) == Reason::kCorrupt);
    CHECK(refusal(edited(2, [](FrameHeader& header, Buffer&) { header.crc ^= 1; })) == Reason::kCorrupt);
    CHECK(refusal(edited(0, [](FrameHeader& header, Buffer&) { header.section = 1; })) == Reason::kMalformed);
    CHECK(refusal(edited(8, [](FrameHeader& header, Buffer&) { header.section = 1; })) == Reason::kMalformed);
    if (integrity == StreamIntegrity::kChecksums) continue;
    const Reading reading = readBack(edited(2, [](FrameHeader&, Buffer& frame) { frame.back() ^= 1; }));
    CHECK(reading.failure->reason == Reason::kCorrupt);
    CHECK(reading.events.size() == 2);  // found with the frame, not only at the end
  }
}

TEST_CASE("without the key nobody can make or change a stream that a reader with a key accepts") {
  const Buffer whole = sample(StreamIntegrity::kKeyed);
  ReaderOptions keyed = readerFor(StreamIntegrity::kKeyed);
  const auto frames = framesOf(whole, StreamIntegrity::kKeyed);
  const Buffer same = [&] {
    Buffer content = repaired(whole, frames, StreamIntegrity::kKeyed);
    return content;
  }();
  CHECK(refusal(same, keyed) == Reason::kCorrupt);  // `repaired` has no key: its MAC is zeros
  auto changed = frames;
  changed[2][FrameHeader::kSize] ^= 1;
  const Buffer forged = repaired(whole, changed, StreamIntegrity::kKeyed);
  CHECK(readBack(forged).finished);  // nobody asked for a proof
  CHECK_FALSE(readBack(forged).authenticated);
  CHECK(refusal(forged, keyed) == Reason::kCorrupt);
  keyed.key[0] ^= 1;
  CHECK(refusal(whole, keyed) == Reason::kCorrupt);
  // A stream that simply has no MAC, or no digests.
  CHECK(refusal(sample(StreamIntegrity::kChecksums), readerFor(StreamIntegrity::kKeyed)) == Reason::kCorrupt);
  CHECK(refusal(sample(StreamIntegrity::kDigests), readerFor(StreamIntegrity::kKeyed)) == Reason::kCorrupt);
  CHECK(refusal(sample(StreamIntegrity::kChecksums), readerFor(StreamIntegrity::kDigests)) ==
        Reason::kCorrupt);
  CHECK(readBack(sample(StreamIntegrity::kDigests), readerFor(StreamIntegrity::kChecksums)).finished);
}

TEST_CASE("other files and other versions are told apart from damage") {
  CHECK(refusal(Buffer(100, 0)) == Reason::kMalformed);
  CHECK(refusal({}) == Reason::kTruncated);
  Buffer content = sample(StreamIntegrity::kChecksums);
  const auto withPreamble = [&](uint8_t version, uint8_t flags) {
    Buffer other = content;
    other[8] = version;
    other[10] = flags;
    const uint32_t crc = crc32(0, {other.data(), 12});
    for (int i = 0; i < 4; ++i) other[12 + i] = static_cast<uint8_t>(crc >> (8 * i));
    return other;
  };
  CHECK(readBack(withPreamble(1, 0)).finished);
  CHECK(refusal(withPreamble(2, 0)) == Reason::kVersion);
  CHECK(refusal(withPreamble(0, 0)) == Reason::kVersion);
  CHECK(refusal(withPreamble(1, 4)) == Reason::kVersion);
  CHECK(refusal(withPreamble(1, 2)) == Reason::kVersion);  // a MAC without digests
}

TEST_CASE("frames of a later version: skipped if they allow it, refused if not") {
  for (const StreamIntegrity integrity : kAll) {
    if (integrity == StreamIntegrity::kKeyed) continue;  // `repaired` cannot make the MAC
    const bool trailer = integrity != StreamIntegrity::kChecksums;
    const Buffer whole = sample(integrity);
    const auto inserted = [&](size_t at, uint16_t type, uint16_t flags, uint32_t section,
                              const Buffer& payload) {
      auto frames = framesOf(whole, integrity);
      frames.insert(frames.begin() + static_cast<ptrdiff_t>(at),
                    frame(type, flags, section, payload, trailer));
      return repaired(whole, frames, integrity);
    };
    const Reading reading = readBack(inserted(3, 77, 1, 0, Buffer(50000, 9)));
    CHECK(reading.finished);
    CHECK(reading.events.size() == 8);  // the skipped one is not shown
    CHECK(reading.counters.frames == 10);
    CHECK(readBack(inserted(3, 77, 1, 1, {})).finished);
    CHECK(refusal(inserted(3, 77, 0, 0, {})) == Reason::kVersion);
    CHECK(refusal(inserted(3, 0, 0, 0, {})) == Reason::kVersion);
    CHECK(refusal(inserted(3, 77, 3, 0, {})) == Reason::kVersion);           // a flag nobody knows
    CHECK(refusal(inserted(3, 3, 1, 1, Buffer(4, 1))) == Reason::kVersion);  // data is never skippable
    CHECK(refusal(inserted(3, 77, 1, 2, {})) == Reason::kMalformed);         // section not open
    CHECK(refusal(inserted(0, 77, 1, 0, {})) == Reason::kMalformed);         // before the manifest
    CHECK(refusal(inserted(3, 77, 1, 0, Buffer(kMaxControlPayload + 1))) == Reason::kMalformed);
    // A skipped payload is checked all the same.
    Buffer damaged = inserted(1, 77, 1, 0, Buffer(100, 9));
    damaged[Preamble::kSize + FrameHeader::kSize * 2 + 12 + (trailer ? 32 : 0) + 50] ^= 1;
    CHECK(refusal(damaged) == Reason::kCorrupt);
  }
}

TEST_CASE("well-formed frames in a wrong order are refused, with every checksum right") {
  for (const StreamIntegrity integrity : {StreamIntegrity::kChecksums, StreamIntegrity::kDigests}) {
    const Buffer whole = sample(integrity);
    const auto frames = framesOf(whole, integrity);
    const auto rebuilt = [&](std::vector<size_t> order) {
      std::vector<Buffer> chosen;
      for (const size_t i : order) chosen.push_back(frames[i]);
      return repaired(whole, chosen, integrity);
    };
    CHECK(readBack(rebuilt({0, 1, 2, 3, 4, 5, 6, 7, 8})).finished);
    CHECK(readBack(rebuilt({0, 8})).finished);                          // nothing in it, but whole
    CHECK(refusal(rebuilt({8})) == Reason::kMalformed);                 // no manifest
    CHECK(refusal(rebuilt({1, 2, 6, 8})) == Reason::kMalformed);        // no manifest
    CHECK(refusal(rebuilt({0, 0, 8})) == Reason::kMalformed);           // two manifests
    CHECK(refusal(rebuilt({0, 2, 8})) == Reason::kMalformed);           // data in no section
    CHECK(refusal(rebuilt({0, 3, 4, 7, 8})) == Reason::kMalformed);     // section 2 before 1
    CHECK(refusal(rebuilt({0, 1, 2, 8})) == Reason::kMalformed);        // never closed
    CHECK(refusal(rebuilt({0, 1, 6, 2, 8})) == Reason::kMalformed);     // data after its section
    CHECK(refusal(rebuilt({0, 1, 6, 6, 8})) == Reason::kMalformed);     // closed twice
    CHECK(refusal(rebuilt({0, 1, 1, 6, 8})) == Reason::kMalformed);     // opened twice
    CHECK(refusal(rebuilt({0, 1, 6, 1, 6, 8})) == Reason::kMalformed);  // opened again
    CHECK(refusal(rebuilt({0, 6, 8})) == Reason::kMalformed);           // closed, never opened
    CHECK(refusal(rebuilt({0, 8, 8})) == Reason::kMalformed);           // two ends
    CHECK(refusal(rebuilt({0, 1, 2, 6})) == Reason::kTruncated);        // no end
  }
}

TEST_CASE("no length is believed: the limits hold before memory is asked for") {
  const Buffer whole = sample(StreamIntegrity::kChecksums);
  ReaderOptions small;
  small.maxDataPayload = 39;
  CHECK(refusal(whole, small) == Reason::kChunkTooLarge);
  small.maxDataPayload = 40;
  CHECK(readBack(whole, small).finished);
  for (const size_t which : {0U, 1U, 2U, 6U, 8U}) {
    for (const uint64_t length :
         {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 40, (uint64_t{64} << 20) + 1}) {
      auto frames = framesOf(whole, StreamIntegrity::kChecksums);
      FrameHeader header = headerOf(frames[which]);
      header.length = length;
      setHeader(frames[which], header);
      CAPTURE(which);
      const Reason reason = refusal(joined(whole, frames));
      CHECK(reason == (which == 2 ? Reason::kChunkTooLarge : Reason::kMalformed));
    }
  }
}

TEST_CASE("the number of open sections is bounded") {
  std::vector<Buffer> frames;
  const Buffer whole = sample(StreamIntegrity::kChecksums);
  const auto sections = [&](uint32_t count) {
    return written({}, [&](FrameWriter& writer) {
      const Buffer json = {'{', '}'};
      REQUIRE(writer.writeControl(FrameType::kManifest, 0, view(json)).ok());
      for (uint32_t i = 1; i <= count; ++i)
        REQUIRE(writer.writeControl(FrameType::kSectionBegin, i, view(json)).ok());
      for (uint32_t i = 1; i <= count; ++i) REQUIRE(writer.writeControl(FrameType::kSectionEnd, i, {}).ok());
      REQUIRE(writer.finish().ok());
    });
  };
  const Buffer most = sections(FrameOrder::kMaxOpenSections);
  CHECK(readBack(most).finished);
  frames = framesOf(most, StreamIntegrity::kChecksums);
  const auto one_more = [](Buffer frame) {
    FrameHeader header = headerOf(frame);
    ++header.section;
    setHeader(frame, header);
    return frame;
  };
  frames.insert(frames.end() - 1, one_more(frames[frames.size() - 2]));
  frames.insert(frames.begin() + FrameOrder::kMaxOpenSections + 1,
                one_more(frames[FrameOrder::kMaxOpenSections]));
  CHECK(refusal(repaired(most, frames, StreamIntegrity::kChecksums)) == Reason::kMalformed);
}

TEST_CASE("random damage of many kinds at once is refused or leaves the stream as it was") {
  std::mt19937_64 random(31337);
  for (int round = 0; round < 6000; ++round) {
    const StreamIntegrity integrity = kAll[random() % 3];
    static const Buffer samples[] = {sample(kAll[0]), sample(kAll[1]), sample(kAll[2])};
    const Buffer& whole = samples[static_cast<size_t>(integrity)];
    Buffer damaged = whole;
    for (size_t times = 1 + random() % 4; times > 0 && !damaged.empty(); --times) {
      const size_t at = random() % damaged.size();
      const size_t length = std::min<size_t>(1 + random() % 64, damaged.size() - at);
      const auto begin = damaged.begin() + static_cast<ptrdiff_t>(at);
      switch (random() % 4) {
        case 0:
          *begin = static_cast<uint8_t>(random());
          break;
        case 1:
          damaged.erase(begin, begin + static_cast<ptrdiff_t>(length));
          break;
        case 2: {
          const Buffer copy(begin, begin + static_cast<ptrdiff_t>(length));
          const size_t to = random() % (damaged.size() + 1);
          damaged.insert(damaged.begin() + static_cast<ptrdiff_t>(to), copy.begin(), copy.end());
          break;
        }
        default:
          std::fill(begin, begin + static_cast<ptrdiff_t>(length), static_cast<uint8_t>(random()));
      }
    }
    CAPTURE(round);
    REQUIRE(readBack(damaged, readerFor(integrity)).finished == (damaged == whole));
  }
}
