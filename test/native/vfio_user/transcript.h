// SPDX-License-Identifier: MIT
// Reads the transcripts of test/fixtures/vfio-user (their README has the grammar).
#pragma once

#include <doctest/doctest.h>

#include <cctype>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace transcript {

struct Expected {
  std::vector<std::optional<uint8_t>> bytes;  // empty: any byte
  bool anyRest = false;
};

struct Step {
  enum class Kind { kDevice, kStrict, kConnect, kSend, kSendDescriptor, kReceive, kDescriptors, kClose };
  Kind kind = Kind::kSend;
  int line = 0;
  std::string word;  // of kDevice and kSendDescriptor, and the number of kDescriptors
  Expected bytes;    // of kSend (all there) and kReceive
};

// The bytes of a line behind its `>` or `<`.
inline Expected parseBytes(const std::string& text, int line) {
  Expected found;
  for (size_t at = 0; at < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[at]))) {
      ++at;
    } else if (text[at] == '#') {
      break;
    } else if (text[at] == '"') {
      // Up to the last quote of the line: JSON has quotes of its own.
      const size_t end = text.rfind('"');
      for (++at; at < end; ++at) found.bytes.emplace_back(static_cast<uint8_t>(text[at]));
      ++at;
    } else if (text[at] == '*') {
      found.anyRest = true;
      ++at;
    } else if (text.compare(at, 2, "..") == 0) {
      found.bytes.emplace_back();
      at += 2;
    } else {
      REQUIRE_MESSAGE(at + 1 < text.size(), "line " << line << ": half a byte");
      found.bytes.emplace_back(static_cast<uint8_t>(std::stoul(text.substr(at, 2), nullptr, 16)));
      at += 2;
    }
  }
  return found;
}

inline std::vector<Step> read(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  std::vector<Step> steps;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.empty() || text[0] == '#') continue;
    Step step;
    step.line = line;
    std::istringstream words(text);
    std::string first;
    words >> first;
    std::getline(words, step.word);
    step.word = step.word.substr(0, step.word.find('#'));
    step.word.erase(0, step.word.find_first_not_of(' '));
    step.word.erase(step.word.find_last_not_of(' ') + 1);
    if (first == "@device") step.kind = Step::Kind::kDevice;
    if (first == "@strict") step.kind = Step::Kind::kStrict;
    if (first == "@connect") step.kind = Step::Kind::kConnect;
    if (first == ">fd") step.kind = Step::Kind::kSendDescriptor;
    if (first == "<fd") step.kind = Step::Kind::kDescriptors;
    if (first == "<close") step.kind = Step::Kind::kClose;
    if (first == "<") step.kind = Step::Kind::kReceive;
    if (first == "<" || first == ">") step.bytes = parseBytes(text.substr(1), line);
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace transcript
