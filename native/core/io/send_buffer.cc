// SPDX-License-Identifier: MIT
#include "core/io/send_buffer.h"

#include <sys/socket.h>

#include <utility>

namespace vfm {
namespace {

// -1: not a socket any more.
int option(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

void setSize(int socket, int bytes) {
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

}  // namespace

SendBuffer SendBuffer::over(int socket) {
  SendBuffer buffer;
  if (option(socket, SO_DOMAIN) != AF_UNIX) return buffer;
  const int before = option(socket, SO_SNDBUF);
  // The kernel answers with twice what it was asked for, its own bookkeeping included (socket(7)).
  if (before < 0 || before >= 2 * kBytes) return buffer;
  setSize(socket, kBytes);
  buffer.socket_ = socket;
  buffer.before_ = before;
  buffer.raised_ = option(socket, SO_SNDBUF);
  return buffer;
}

SendBuffer::~SendBuffer() {
  if (socket_ >= 0 && option(socket_, SO_SNDBUF) == raised_) setSize(socket_, before_ / 2);
}

SendBuffer::SendBuffer(SendBuffer&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), before_(other.before_), raised_(other.raised_) {}

SendBuffer& SendBuffer::operator=(SendBuffer&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(before_, other.before_);
  std::swap(raised_, other.raised_);
  return *this;
}

}  // namespace vfm
