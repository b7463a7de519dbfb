// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace bench {

void die(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(2);
}

Arguments::Arguments(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.rfind("--", 0) != 0) die("unexpected word " + word);
    const bool valued = i + 1 < count && std::string(words[i + 1]).rfind("--", 0) != 0;
    values_[word.substr(2)] = valued ? words[++i] : "1";
  }
}

std::string Arguments::text(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second;
}

uint64_t Arguments::number(const std::string& name, uint64_t otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  char* end = nullptr;
  const uint64_t value = std::strtoull(found->second.c_str(), &end, 10);
  if (end == found->second.c_str() || *end != 0) die("--" + name + " wants a number, not " + found->second);
  return value;
}

}  // namespace bench
