// SPDX-License-Identifier: MIT
#include "core/vfio_user/json.h"

#include <limits>

namespace vfm::vfio_user {
namespace {

constexpr size_t kLongest = 64 << 10;
constexpr int kDeepest = 16;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// Recursive descent. Every method leaves `at_` behind what it took, or fails.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Result<JsonValue> document() {
    if (text_.size() > kLongest) return fail("more than 64 KiB");
    JsonValue value;
    if (Status parsed = parse(value, 0); !parsed) return std::move(parsed).failure();
    space();
    if (at_ != text_.size()) return fail("something behind the value");
    return value;
  }

 private:
  Failure fail(const char* what) const {
    return Failure::because(Reason::kMalformed, "JSON",
                            std::string(what) + " at character " + std::to_string(at_));
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool takeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool takeDigits() {
    const size_t from = at_;
    while (at_ < text_.size() && isDigit(text_[at_])) ++at_;
    return at_ > from;
  }

  Status parse(JsonValue& into, int depth) {
    if (depth > kDeepest) return fail("nested too deeply");
    space();
    if (at_ >= text_.size()) return fail("a value is missing");
    const char c = text_[at_];
    if (c == '{') return object(into, depth);
    if (c == '[') return array(into, depth);
    if (c == '"') {
      into.kind_ = JsonValue::Kind::kString;
      std::string ignored;
      return string(ignored);
    }
    if (c == '-' || isDigit(c)) return number(into);
    if (takeWord("null")) return {};
    if (takeWord("true") || takeWord("false")) {
      into.kind_ = JsonValue::Kind::kBoolean;
      into.boolean_ = c == 't';
      return {};
    }
    return fail("no value");
  }

  Status object(JsonValue& into, int depth) {
    into.kind_ = JsonValue::Kind::kObject;
    take('{');
    space();
    if (take('}')) return {};
    for (;;) {
      space();
      std::string key;
      if (Status parsed = string(key); !parsed) return parsed;
      if (into.member(key)) return fail("a key that was there before");
      space();
      if (!take(':')) return fail("no colon");
      JsonValue value;
      if (Status parsed = parse(value, depth + 1); !parsed) return parsed;
      into.members_.emplace_back(std::move(key), std::move(value));
      space();
      if (take('}')) return {};
      if (!take(',')) return fail("neither comma nor closing brace");
    }
  }

  Status array(JsonValue& into, int depth) {
    into.kind_ = JsonValue::Kind::kArray;
    take('[');
    space();
    if (take(']')) return {};
    for (;;) {
      JsonValue ignored;
      if (Status parsed = parse(ignored, depth + 1); !parsed) return parsed;
      space();
      if (take(']')) return {};
      if (!take(',')) return fail("neither comma nor closing bracket");
    }
  }

  // Keys are compared as they are written: those of the protocol need no escapes, so one with an escape
  // is unknown, whatever it stands for.
  Status string(std::string& into) {
    if (!take('"')) return fail("no string");
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return {};
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      into += c;
      if (c != '\\') continue;
      if (at_ >= text_.size()) break;
      const char escaped = text_[at_++];
      into += escaped;
      if (escaped == 'u') {
        for (int i = 0; i < 4; ++i) {
          const char digit = at_ < text_.size() ? text_[at_] : '\0';
          const bool hex = isDigit(digit) || (digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F');
          if (!hex) return fail("an escape without its four digits");
          into += digit;
          ++at_;
        }
      } else if (std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return fail("an unknown escape");
      }
    }
    return fail("a string without an end");
  }

  Status number(JsonValue& into) {
    into.kind_ = JsonValue::Kind::kNumber;
    const bool negative = take('-');
    const size_t from = at_;
    if (!takeDigits()) return fail("a sign without digits");
    const std::string_view digits = text_.substr(from, at_ - from);
    if (digits.size() > 1 && digits[0] == '0') return fail("a leading zero");
    bool whole = !negative;
    if (take('.')) {
      whole = false;
      if (!takeDigits()) return fail("a fraction without digits");
    }
    if (take('e') || take('E')) {
      whole = false;
      if (!take('+')) take('-');
      if (!takeDigits()) return fail("an exponent without digits");
    }
    if (!whole) return {};
    uint64_t value = 0;
    for (char digit : digits) {
      const auto add = static_cast<uint64_t>(digit - '0');
      if (value > (std::numeric_limits<uint64_t>::max() - add) / 10) return {};
      value = value * 10 + add;
    }
    into.integer_ = value;
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<JsonValue> JsonValue::parse(std::string_view text) { return JsonParser(text).document(); }

std::optional<bool> JsonValue::boolean() const {
  if (kind_ != Kind::kBoolean) return std::nullopt;
  return boolean_;
}

std::optional<uint64_t> JsonValue::unsignedInteger() const { return integer_; }

const JsonValue* JsonValue::member(std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace vfm::vfio_user
