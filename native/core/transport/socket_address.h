// SPDX-License-Identifier: MIT
// Where a stream socket listens or is connected to.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace vfm {

class SocketAddress {
 public:
  // Reason::kInvalidArgument: empty, longer than the 107 bytes an address takes, or with a NUL in it.
  static Result<SocketAddress> ofPath(const std::string& path);
  // `host` in figures: IPv4 or IPv6, the latter with %scope where it needs one. Nothing is looked up.
  // Reason::kInvalidArgument.
  static Result<SocketAddress> ofHost(const std::string& host, uint16_t port);
  // Of a socket: its own end, and the other.
  static Result<SocketAddress> localOf(int socket);
  static Result<SocketAddress> peerOf(int socket);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  bool isInternet() const { return family() == AF_INET || family() == AF_INET6; }

  // The path (empty for an unnamed UNIX socket), or the host in figures.
  std::string host() const;
  // 0 for a UNIX socket.
  uint16_t port() const;
  // For people.
  std::string text() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace vfm
