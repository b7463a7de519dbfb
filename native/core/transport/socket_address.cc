// SPDX-License-Identifier: MIT
#include "core/transport/socket_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <memory>

namespace vfm {

Result<SocketAddress> SocketAddress::ofPath(const std::string& path) {
  SocketAddress address;
  auto& name = reinterpret_cast<sockaddr_un&>(address.storage_);
  if (path.empty() || path.size() >= sizeof(name.sun_path) || path.find('\0') != std::string::npos) {
    return Failure::because(
        Reason::kInvalidArgument, "address of a socket",
        "the path of a socket has 1 to " + std::to_string(sizeof(name.sun_path) - 1) + " bytes");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Result<SocketAddress> SocketAddress::ofHost(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  if (error != 0 || found->ai_addrlen > sizeof(sockaddr_storage)) {
    return Failure::because(Reason::kInvalidArgument, "address of a socket",
                            host + " is no IPv4 or IPv6 address");
  }
  SocketAddress address;
  std::memcpy(&address.storage_, found->ai_addr, found->ai_addrlen);
  address.size_ = found->ai_addrlen;
  return address;
}

Result<SocketAddress> SocketAddress::localOf(int socket) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
    return Failure::system(errno, "getsockname", "address of a socket");
  }
  return address;
}

Result<SocketAddress> SocketAddress::peerOf(int socket) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
    return Failure::system(errno, "getpeername", "address of a peer");
  }
  return address;
}

std::string SocketAddress::host() const {
  if (family() == AF_UNIX) {
    const size_t start = offsetof(sockaddr_un, sun_path);
    if (size_ <= start) return {};
    const char* path = reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
    return std::string(path, ::strnlen(path, size_ - start));
  }
  char text[NI_MAXHOST];
  if (::getnameinfo(get(), size_, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

std::string SocketAddress::text() const {
  if (family() == AF_INET6) return "[" + host() + "]:" + std::to_string(port());
  if (family() == AF_INET) return host() + ":" + std::to_string(port());
  return host();
}

}  // namespace vfm
