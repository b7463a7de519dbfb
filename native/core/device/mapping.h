// SPDX-License-Identifier: MIT
// Device memory within reach of this process. Whoever holds the shared_ptr may use it; the last holder lets
// go of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/base/result.h"
#include "core/base/span.h"

namespace vfm {

enum class Protection : uint8_t { kRead = 1, kWrite = 2, kReadWrite = 3 };

class Mapping {
 public:
  virtual ~Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Null where somebody else can take the memory away at any time (an access would raise SIGBUS): it is then
  // not mapped at all, never becomes an ArrayBuffer, and only read() and write() reach it.
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool trusted() const { return data_ != nullptr; }

  // Copies, whoever owns the memory. Reason::kInvalidArgument: not inside the mapping. Memory that is trusted
  // fails in no other way.
  Status read(uint64_t offset, Bytes into) const {
    if (Status inside = check(offset, into.size); !inside || into.size == 0) return inside;
    if (!trusted()) return readUntrusted(offset, into);
    std::memcpy(into.data, data_ + offset, into.size);
    return {};
  }
  Status write(uint64_t offset, ConstBytes from) const {
    if (Status inside = check(offset, from.size); !inside || from.size == 0) return inside;
    if (!trusted()) return writeUntrusted(offset, from);
    std::memcpy(data_ + offset, from.data, from.size);
    return {};
  }

 protected:
  Mapping(uint8_t* data, size_t size) : data_(data), size_(size) {}

  // By system calls that answer an error where an access would raise a signal.
  virtual Status readUntrusted(uint64_t, Bytes) const { return lacks(); }
  virtual Status writeUntrusted(uint64_t, ConstBytes) const { return lacks(); }

 private:
  static Failure lacks() { return Failure::because(Reason::kUnsupported, "access to untrusted memory"); }
  Status check(uint64_t offset, size_t size) const {
    if (offset <= size_ && size <= size_ - offset) return {};
    return Failure::because(
        Reason::kInvalidArgument, "access to a mapping",
        std::to_string(size) + " bytes at " + std::to_string(offset) + " of " + std::to_string(size_));
  }

  uint8_t* data_;
  size_t size_;
};

}  // namespace vfm
