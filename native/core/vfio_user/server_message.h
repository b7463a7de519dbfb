// SPDX-License-Identifier: MIT
// A client's command as the server's parts see it, and what they answer.
#pragma once

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/vfio_user/protocol.h"

namespace vfm::vfio_user {

struct Request {
  Command command{};
  ConstBytes payload;
  std::vector<UniqueFd> descriptors;  // what is left here is closed

  // The struct that the payload begins with. False: it is too short for it.
  template <typename T>
  bool begin(T& head) const {
    return at(0, head);
  }
  template <typename T>
  bool at(size_t offset, T& part) const {
    if (payload.size < offset || payload.size - offset < sizeof part) return false;
    std::memcpy(&part, payload.data + offset, sizeof part);
    return true;
  }
};

struct Reply {
  int error = 0;  // then nothing else counts: an error reply is its header only
  std::vector<uint8_t> payload;
  std::vector<UniqueFd> descriptors;

  Reply() = default;
  explicit Reply(int error) : error(error) {}
  // As error replies say it.
  Reply(const Failure& failure) : error(errnoOf(failure)) {}  // NOLINT: implicit on purpose

  template <typename T>
  Reply& add(const T& part) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&part);
    payload.insert(payload.end(), bytes, bytes + sizeof part);
    return *this;
  }
  Reply& add(ConstBytes bytes) {
    payload.insert(payload.end(), bytes.data, bytes.data + bytes.size);
    return *this;
  }

  static int errnoOf(const Failure& failure);
};

}  // namespace vfm::vfio_user
