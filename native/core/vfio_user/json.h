// SPDX-License-Identifier: MIT
// The little JSON that a vfio-user negotiation needs: RFC 8259, read strictly, within bounds, from a peer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace vfm::vfio_user {

class JsonValue {
 public:
  enum class Kind : uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

  // No text longer than 64 KiB, nothing nested deeper than 16, no key twice in an object.
  // Reason::kMalformed, with the position.
  static Result<JsonValue> parse(std::string_view text);

  Kind kind() const { return kind_; }
  std::optional<bool> boolean() const;
  // A number without sign, fraction or exponent that 64 bits hold.
  std::optional<uint64_t> unsignedInteger() const;
  // Null when this is no object or has no such member.
  const JsonValue* member(std::string_view key) const;

 private:
  friend class JsonParser;

  Kind kind_ = Kind::kNull;
  bool boolean_ = false;
  std::optional<uint64_t> integer_;
  std::vector<std::pair<std::string, JsonValue>> members_;  // elements of arrays are checked, not kept
};

}  // namespace vfm::vfio_user
