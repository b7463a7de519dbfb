// SPDX-License-Identifier: MIT
// The examples in docs/stream-format.md, byte for byte: read from the document, and written anew.
#include <cctype>
#include <fstream>

#include "stream_fixture.h"

namespace {

using namespace vfm;
using namespace vfm::test;

// The bytes of the block that begins with "```hex <name>": two-digit numbers up to the first '#' of each
// line.
Buffer example(const std::string& name) {
  std::ifstream document(VFM_SOURCE_DIR "/docs/stream-format.md");
  REQUIRE(document.is_open());
  Buffer bytes;
  std::string line;
  bool inside = false;
  while (std::getline(document, line)) {
    if (line == "```hex " + name) {
      inside = true;
    } else if (inside && line == "```") {
      return bytes;
    } else if (inside) {
      line = line.substr(0, line.find('#'));
      for (size_t at = 0; at + 1 < line.size(); at += 3) {
        if (std::isxdigit(static_cast<unsigned char>(line[at])) == 0) break;
        bytes.push_back(static_cast<uint8_t>(std::stoi(line.substr(at, 2), nullptr, 16)));
      }
    }
  }
  FAIL("the document has no example " << name);
  return {};
}

std::string text(const Buffer& bytes) { return {bytes.begin(), bytes.end()}; }

void holds(const Buffer& content, StreamIntegrity integrity, const Buffer& key) {
  ReaderOptions options;
  options.atLeast = integrity;
  options.key = key;
  const Reading reading = readBack(content, options);
  REQUIRE_MESSAGE(reading.finished, reading.failure->detail);
  CHECK(reading.authenticated == !key.empty());
  REQUIRE(reading.events.size() == 4);
  CHECK(text(reading.events[0].payload) == R"({"devices":[{"index":0,"protocol":"v2"}]})");
  CHECK(text(reading.events[1].payload) == R"({"kind":"device-state","device":0})");
  CHECK(text(reading.events[2].payload) == "state");
  CHECK(reading.events[3].payload.empty());

  WriterOptions writer_options;
  writer_options.integrity = integrity;
  writer_options.key = key;
  CHECK(written(writer_options, [&](FrameWriter& writer) {
          REQUIRE(writer.writeControl(FrameType::kManifest, 0, view(reading.events[0].payload)).ok());
          REQUIRE(writer.writeControl(FrameType::kSectionBegin, 1, view(reading.events[1].payload)).ok());
          REQUIRE(writer.writeData(1, view(reading.events[2].payload)).ok());
          REQUIRE(writer.writeControl(FrameType::kSectionEnd, 1, {}).ok());
          REQUIRE(writer.finish().ok());
        }) == content);
}

}  // namespace

TEST_CASE("the plain example of the document is a stream, and what the writer makes") {
  holds(example("plain"), StreamIntegrity::kChecksums, {});
}

TEST_CASE("the keyed example of the document is a stream, and what the writer makes") {
  const std::string key = "a secret key";
  holds(example("keyed"), StreamIntegrity::kKeyed, Buffer(key.begin(), key.end()));
}
