// SPDX-License-Identifier: MIT
#include "core/vfio_user/version.h"

#include <doctest/doctest.h>

#include <string>

#include "core/vfio_user/json.h"

using namespace vfm;
using namespace vfm::vfio_user;

namespace {

std::vector<uint8_t> payload(std::string_view json, uint16_t major = 0, uint16_t minor = 2) {
  std::vector<uint8_t> bytes{static_cast<uint8_t>(major), 0, static_cast<uint8_t>(minor), 0};
  bytes.insert(bytes.end(), json.begin(), json.end());
  return bytes;
}

Result<Version> parsed(const std::vector<uint8_t>& bytes) {
  return parseVersion(ConstBytes{bytes.data(), bytes.size()});
}

bool refused(std::string_view json) {
  auto result = parseCapabilities(json);
  return !result.ok() && result.failure().reason == Reason::kMalformed;
}

}  // namespace

TEST_CASE("a VERSION without JSON stands for the defaults") {
  auto version = parsed(payload({}, 0, 1));
  REQUIRE(version.ok());
  CHECK(version->major == 0);
  CHECK(version->minor == 1);
  CHECK(version->capabilities.maxMessageDescriptors == 1);
  CHECK(version->capabilities.maxTransfer == 1 << 20);
  CHECK(version->capabilities.pageSizes == 4096);
  CHECK(version->capabilities.maxDmaMaps == 65535);
  CHECK_FALSE(version->capabilities.twinSocket.supported);
}

TEST_CASE("what a libvfio-user server with migration answers is understood") {
  using namespace std::string_view_literals;
  auto version = parsed(
      payload("{ \"capabilities\": { \"max_msg_fds\": 8, \"max_data_xfer_size\": 1048576, \"migration\": { "
              "\"pgsize\": 4096 }, \"twin_socket\": { \"supported\": true, \"fd_index\": 0 } } }\0"sv));
  REQUIRE(version.ok());
  CHECK(version->capabilities.maxMessageDescriptors == 8);
  CHECK(version->capabilities.dirtyPageSize == 4096);
  CHECK(version->capabilities.twinSocket.supported);
  CHECK(version->capabilities.twinSocket.descriptor == 0);
}

TEST_CASE("what is formatted is parsed back as it was") {
  Version version;
  Capabilities& given = version.capabilities;
  given.maxMessageDescriptors = 16;
  given.maxTransfer = 65536;
  given.pageSizes = 0x201000;
  given.maxDmaMaps = 64;
  given.writeMultiple = true;
  given.reassembles = true;
  given.dirtyPageSize = 4096;
  given.maxDirtyBitmap = 1 << 28;
  given.twinSocket = {true, 1};
  auto back = parsed(formatVersion(version));
  REQUIRE(back.ok());
  const Capabilities& got = back->capabilities;
  CHECK(back->minor == kMinor);
  CHECK(got.maxMessageDescriptors == 16);
  CHECK(got.maxTransfer == 65536);
  CHECK(got.pageSizes == 0x201000);
  CHECK(got.maxDmaMaps == 64);
  CHECK(got.writeMultiple);
  CHECK(got.reassembles);
  CHECK(got.dirtyPageSize == 4096);
  CHECK(got.maxDirtyBitmap == uint64_t{1} << 28);
  CHECK(got.twinSocket.supported);
  CHECK(got.twinSocket.descriptor == 1);
}

TEST_CASE("the NUL behind the JSON must be there") {
  CHECK_FALSE(parsed(payload("{}")).ok());
  using namespace std::string_view_literals;
  CHECK(parsed(payload("{}\0"sv)).ok());
}

TEST_CASE("a payload too short for the version numbers is refused") {
  const std::vector<uint8_t> three{0, 0, 1};
  CHECK_FALSE(parsed(three).ok());
}

TEST_CASE("unknown keys are ignored, of whatever type") {
  auto result = parseCapabilities(
      R"({"vendor":[1,{"a":null}],"capabilities":{"future":{"x":[true,-1.5e3,"\u0041"]},"max_msg_fds":2}})");
  REQUIRE(result.ok());
  CHECK(result->maxMessageDescriptors == 2);
}

TEST_CASE("a known key of the wrong type is refused") {
  CHECK(refused(R"({"capabilities":1})"));
  CHECK(refused(R"({"capabilities":{"max_msg_fds":"8"}})"));
  CHECK(refused(R"({"capabilities":{"max_msg_fds":-1}})"));
  CHECK(refused(R"({"capabilities":{"max_msg_fds":1.5}})"));
  CHECK(refused(R"({"capabilities":{"max_msg_fds":1025}})"));
  CHECK(refused(R"({"capabilities":{"max_data_xfer_size":0}})"));
  CHECK(refused(R"({"capabilities":{"max_data_xfer_size":18446744073709551616}})"));
  CHECK(refused(R"({"capabilities":{"migration":4096}})"));
  CHECK(refused(R"({"capabilities":{"migration":{"pgsize":4097}}})"));
  CHECK(refused(R"({"capabilities":{"write_multiple":1}})"));
  CHECK(refused(R"({"capabilities":{"twin_socket":{"supported":"yes"}}})"));
  CHECK(refused(R"({"capabilities":{"twin_socket":{"supported":true,"fd_index":4096}}})"));
}

TEST_CASE("what is no JSON is refused") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[]",
                           "1",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":01}",
                           "{\"a\":-}",
                           "{\"a\":1.}",
                           "{\"a\":1e}",
                           "{\"a\":tru}",
                           "{\"a\":\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12g4\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":1,\"a\":2}",
                           "{}{}",
                           "{\"a\":[1,]}",
                           "{\"a\":[1 2]}"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
}

TEST_CASE("JSON nested without an end is refused before the stack is") {
  std::string deep = "{\"a\":";
  deep.append(60000, '[');
  CHECK(refused(deep));
  CHECK(refused(std::string(100000, ' ') + "{}"));
}

TEST_CASE("the largest number is one, the next is none") {
  auto largest = JsonValue::parse("18446744073709551615");
  REQUIRE(largest.ok());
  CHECK(largest->unsignedInteger() == UINT64_MAX);
  auto beyond = JsonValue::parse("18446744073709551616");
  REQUIRE(beyond.ok());
  CHECK_FALSE(beyond->unsignedInteger().has_value());
}
