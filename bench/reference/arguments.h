// SPDX-License-Identifier: MIT
// `--name value` words of the command line. A wrong one ends the program.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace bench {

class Arguments {
 public:
  Arguments(int count, char** words);

  bool has(const std::string& name) const { return values_.count(name) != 0; }
  std::string text(const std::string& name, const std::string& otherwise) const;
  uint64_t number(const std::string& name, uint64_t otherwise) const;

 private:
  std::map<std::string, std::string> values_;
};

[[noreturn]] void die(const std::string& why);

}  // namespace bench
