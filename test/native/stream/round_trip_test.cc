// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "stream_fixture.h"

namespace {

using namespace vfm;
using namespace vfm::test;

constexpr StreamIntegrity kAll[] = {StreamIntegrity::kChecksums, StreamIntegrity::kDigests,
                                    StreamIntegrity::kKeyed};

struct Frame {
  FrameType type;
  uint32_t section;
  Buffer payload;
};

// Sections opened and closed at random, interleaved, with chunks of any size.
std::vector<Frame> randomStream(std::mt19937_64& random, size_t longest) {
  const auto bytes = [&](size_t size) {
    Buffer made(size);
    for (uint8_t& byte : made) byte = static_cast<uint8_t>(random());
    return made;
  };
  std::vector<Frame> frames{{FrameType::kManifest, 0, {'{', '}'}}};
  std::vector<uint32_t> open;
  uint32_t next = 1;
  for (size_t step = random() % 40; step > 0; --step) {
    const auto choice = random() % 8;
    if (open.empty() || choice == 0) {
      open.push_back(next);
      frames.push_back({FrameType::kSectionBegin, next++, bytes(1 + random() % 60)});
    } else if (choice == 1) {
      const size_t at = random() % open.size();
      frames.push_back({FrameType::kSectionEnd, open[at], bytes(random() % 30)});
      open.erase(open.begin() + static_cast<ptrdiff_t>(at));
    } else {
      frames.push_back({FrameType::kData, open[random() % open.size()], bytes(1 + random() % longest)});
    }
  }
  for (const uint32_t section : open) frames.push_back({FrameType::kSectionEnd, section, {}});
  return frames;
}

void write(FrameWriter& writer, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    const Status status = frame.type == FrameType::kData
                              ? writer.writeData(frame.section, view(frame.payload))
                              : writer.writeControl(frame.type, frame.section, view(frame.payload));
    REQUIRE(status.ok());
  }
  REQUIRE(writer.finish().ok());
  CHECK(writer.finished());
}

void equal(const Reading& reading, const std::vector<Frame>& frames) {
  REQUIRE_MESSAGE(!reading.failure.has_value(), reading.failure->detail);
  CHECK(reading.finished);
  REQUIRE(reading.events.size() == frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    CHECK(reading.events[i].header.is(frames[i].type));
    CHECK(reading.events[i].header.section == frames[i].section);
    CHECK(reading.events[i].payload == frames[i].payload);
  }
}

}  // namespace

TEST_CASE("what was written is read back, borders and all, with every integrity") {
  std::mt19937_64 random(4711);
  for (const StreamIntegrity integrity : kAll) {
    for (int round = 0; round < 60; ++round) {
      const auto frames = randomStream(random, 5000);
      StreamCounters counters;
      const Buffer content = written(writerFor(integrity), [&](FrameWriter& writer) {
        write(writer, frames);
        counters = writer.counters();
      });
      const Reading reading = readBack(content, readerFor(integrity));
      equal(reading, frames);
      CHECK(reading.authenticated == (integrity == StreamIntegrity::kKeyed));
      CHECK(reading.counters.bytes == content.size());
      CHECK(reading.counters.frames == counters.frames);
      CHECK(reading.counters.payloadBytes == counters.payloadBytes);
      const Reading skipped = readBack(content, readerFor(integrity), true);
      CHECK(skipped.finished);
      CHECK(skipped.counters.payloadBytes == counters.payloadBytes);
    }
  }
}

TEST_CASE("a stream goes through pipes and sockets while it is made") {
  std::mt19937_64 random(12);
  const auto frames = randomStream(random, 700000);
  for (const StreamIntegrity integrity : kAll) {
    for (const bool socket : {false, true}) {
      int fds[2];
      REQUIRE((socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)
                      : ::pipe2(fds, O_CLOEXEC)) == 0);
      UniqueFd in(fds[0]);
      UniqueFd out(fds[1]);
      std::thread sender([&] {
        const auto cancel = cancellation();
        auto output = Output::over(out.get());
        auto writer = FrameWriter::over(*output, *cancel, writerFor(integrity));
        write(*writer, frames);
        output = Failure{};
        out.reset();
      });
      const Reading reading = readFrom(in.get(), readerFor(integrity));
      sender.join();
      equal(reading, frames);
    }
  }
}

TEST_CASE("on a connection that stays, the reader finishes at the end record and leaves what follows") {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  const UniqueFd in(fds[0]);
  const UniqueFd out(fds[1]);
  const auto cancel = cancellation();
  auto output = Output::over(out.get());
  auto writer = FrameWriter::over(*output, *cancel);
  write(*writer, {{FrameType::kManifest, 0, {'{', '}'}}});
  REQUIRE(output->writeAll(view(std::string("next")), *cancel).ok());
  ReaderOptions options;
  options.endsWithStream = false;
  CHECK(readFrom(in.get(), options).finished);
  char after[4];
  REQUIRE(::recv(in.get(), after, 4, MSG_DONTWAIT) == 4);
  CHECK(std::string(after, 4) == "next");
}

TEST_CASE("a payload may be read in parts") {
  const Buffer chunk(1000, 7);
  for (const StreamIntegrity integrity : kAll) {
    Buffer content = written(writerFor(integrity), [&](FrameWriter& writer) {
      write(writer, {{FrameType::kManifest, 0, {'{', '}'}},
                     {FrameType::kSectionBegin, 1, {'{', '}'}},
                     {FrameType::kData, 1, chunk},
                     {FrameType::kSectionEnd, 1, {}}});
    });
    for (const bool damaged : {false, true}) {
      if (damaged)
        content[Preamble::kSize + 3 * FrameHeader::kSize + 4 +
                (integrity == StreamIntegrity::kChecksums ? 0 : 64) + 500] ^= 1;
      const UniqueFd file = memoryFile(content);
      const auto cancel = cancellation();
      auto input = Input::over(file.get());
      FrameReader reader(*input, *cancel, readerFor(integrity));
      REQUIRE(reader.next().ok());
      REQUIRE(reader.skipPayload().ok());
      REQUIRE(reader.next().ok());
      REQUIRE(reader.skipPayload().ok());
      REQUIRE(reader.next().ok());
      Buffer read(1000);
      CHECK(reader.payloadLeft() == 1000);
      CHECK(reader.readPart({read.data(), 300}).ok());
      CHECK(reader.next().failure().reason == Reason::kInvalidArgument);
      CHECK(reader.readPart({read.data(), 701}).failure().reason == Reason::kInvalidArgument);
      const Status last = reader.readPart({read.data() + 300, 700});
      CHECK(last.ok() == !damaged);
      if (damaged) CHECK(last.failure().reason == Reason::kCorrupt);
      if (!damaged) CHECK(read == chunk);
    }
  }
}

TEST_CASE("the writer refuses what a reader would, and goes on unharmed") {
  const Buffer json = {'{', '}'};
  const Buffer content = written({}, [&](FrameWriter& writer) {
    const auto refused = [](const Status& status) {
      return !status && status.failure().reason == Reason::kInvalidArgument;
    };
    CHECK(refused(writer.writeControl(FrameType::kSectionBegin, 1, view(json))));
    CHECK(refused(writer.finish()));
    CHECK(refused(writer.writeControl(FrameType::kManifest, 0, {})));
    REQUIRE(writer.writeControl(FrameType::kManifest, 0, view(json)).ok());
    CHECK(refused(writer.writeControl(FrameType::kManifest, 0, view(json))));
    CHECK(refused(writer.writeData(1, view(json))));
    CHECK(refused(writer.writeControl(FrameType::kSectionBegin, 2, view(json))));
    REQUIRE(writer.nextSection() == 1);
    REQUIRE(writer.writeControl(FrameType::kSectionBegin, 1, view(json)).ok());
    CHECK(refused(writer.writeControl(FrameType::kSectionBegin, 1, view(json))));
    CHECK(refused(writer.writeData(1, {})));
    CHECK(refused(writer.writeControl(FrameType::kData, 1, view(json))));
    CHECK(refused(writer.finish()));
    CHECK(refused(writer.writeControl(FrameType::kSectionEnd, 1, view(Buffer(kMaxControlPayload + 1)))));
    REQUIRE(writer.writeControl(FrameType::kSectionEnd, 1, {}).ok());
    CHECK(refused(writer.writeData(1, view(json))));
    CHECK(refused(writer.writeControl(FrameType::kSectionEnd, 1, {})));
    REQUIRE(writer.finish().ok());
    CHECK(refused(writer.finish()));
    CHECK(refused(writer.writeControl(FrameType::kSectionBegin, 2, view(json))));
  });
  CHECK(readBack(content).finished);
}

TEST_CASE("a writer whose descriptor failed stays failed") {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto cancel = cancellation();
  auto output = Output::over(full.get());
  auto writer = FrameWriter::over(*output, *cancel);
  const Buffer json = {'{', '}'};
  CHECK(writer->writeControl(FrameType::kManifest, 0, view(json)).failure().error == ENOSPC);
  CHECK(writer->finish().failure().error == ENOSPC);
  CHECK_FALSE(writer->finished());
  CHECK(writer->counters().bytes == 0);
}

TEST_CASE("integrity known beforehand is taken as it is") {
  const Buffer chunk(5000, 3);
  const ChunkIntegrity known{crc32(0, view(chunk)), Sha256::of(view(chunk))};
  for (const StreamIntegrity integrity : kAll) {
    const auto with = [&](const ChunkIntegrity* given) {
      return written(writerFor(integrity), [&](FrameWriter& writer) {
        REQUIRE(writer.writeControl(FrameType::kManifest, 0, view(Buffer{'{', '}'})).ok());
        REQUIRE(writer.writeControl(FrameType::kSectionBegin, 1, view(Buffer{'{', '}'})).ok());
        REQUIRE(
            (given != nullptr ? writer.writeData(1, view(chunk), *given) : writer.writeData(1, view(chunk)))
                .ok());
        REQUIRE(writer.writeControl(FrameType::kSectionEnd, 1, {}).ok());
        REQUIRE(writer.finish().ok());
      });
    };
    CHECK(with(&known) == with(nullptr));
  }
}

TEST_CASE("a key is needed for a keyed stream, and only there") {
  const UniqueFd file = memoryFile();
  const auto cancel = cancellation();
  auto output = Output::over(file.get());
  WriterOptions options;
  options.key = kKey;
  CHECK(FrameWriter::over(*output, *cancel, options).failure().reason == Reason::kInvalidArgument);
  options.key.clear();
  options.integrity = StreamIntegrity::kKeyed;
  CHECK(FrameWriter::over(*output, *cancel, options).failure().reason == Reason::kInvalidArgument);
}
