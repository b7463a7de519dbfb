// SPDX-License-Identifier: MIT
// What a core function answers: a value, or a Failure that says which call failed and how.
// The core throws nothing of its own: a failure that is not in a return type is a failure somebody forgets.
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace vfm {

// Why something failed when the errno alone does not say it. Each becomes one ERR_VFIO_* code in lib/errors.
enum class Reason {
  kSystem,  // a system call (or a backend standing in for one) failed: errno, syscall and operation say which
  kCancelled,        // the caller cancelled
  kClosed,           // the handle was closed before or meanwhile
  kMalformed,        // a device, a file or a peer said something impossible (bounds, chains, sizes)
  kUnsupported,      // this device or backend has no such thing
  kShortTransfer,    // fewer bytes moved than the interface promises
  kChunkTooLarge,    // a v1 chunk does not fit the destination's data section
  kTruncated,        // a stream ended before its end record
  kCorrupt,          // a stream whose integrity check failed
  kVersion,          // a stream of a format version this reader does not know
  kInvalidArgument,  // a caller's argument out of range (the binding checks first; this is the second line)
  kBusy,             // one call at a time, and one is in progress
  kDisconnected,     // the process at the other end of a device's connection has gone, or the connection was
                     // given up
  kTimedOut          // that process did not answer in time
};

struct Failure {
  Reason reason = Reason::kSystem;
  int error = 0;             // positive errno, 0 when no system call failed
  const char* syscall = "";  // "ioctl", "pread", ...; empty when none
  std::string operation;     // the request in the kernel's words: "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE"
  std::string detail;        // what was expected and what was found, for a person

  static Failure system(int error, const char* syscall, std::string operation, std::string detail = {}) {
    return Failure{Reason::kSystem, error, syscall, std::move(operation), std::move(detail)};
  }
  static Failure because(Reason reason, std::string operation, std::string detail = {}) {
    return Failure{reason, 0, "", std::move(operation), std::move(detail)};
  }
};

// A value of T or a Failure. Test before use: value() on a failure is undefined.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Failure& failure() const& { return *std::get_if<1>(&state_); }
  Failure&& failure() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Failure> state_;
};

// Success without a value, or a Failure.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Failure failure) : failure_(std::move(failure)) {}  // NOLINT: implicit on purpose
  static Status success() { return {}; }

  bool ok() const { return !failure_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Failure& failure() const& { return *failure_; }
  Failure&& failure() && { return std::move(*failure_); }

 private:
  std::optional<Failure> failure_;
};

}  // namespace vfm
