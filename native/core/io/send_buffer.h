// SPDX-License-Identifier: MIT
// Room for bulk data in a UNIX socket. With the default of 208 KiB its reader and its writer wake each other
// for every few pages, which costs more than the copying.
#pragma once

#include <cstddef>

namespace vfm {

class SendBuffer {
 public:
  static constexpr int kBytes = 1 << 20;

  // Raises SO_SNDBUF of a UNIX stream socket that has less; of anything else nothing. Without CAP_NET_ADMIN
  // not above net.core.wmem_max. TCP is left alone: its buffer grows by itself until somebody sets it.
  static SendBuffer over(int socket);

  SendBuffer() = default;
  // Gives the socket its former size back, unless somebody else has changed it meanwhile.
  ~SendBuffer();
  SendBuffer(SendBuffer&& other) noexcept;
  SendBuffer& operator=(SendBuffer&& other) noexcept;

 private:
  int socket_ = -1;  // borrowed; -1: nothing to give back
  int before_ = 0;
  int raised_ = 0;
};

}  // namespace vfm
