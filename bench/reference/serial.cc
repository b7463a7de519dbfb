// SPDX-License-Identifier: MIT
#include "serial.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace bench {

void writeAll(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) die(std::string("write: ") + std::strerror(errno));
    data += written;
    size -= static_cast<size_t>(written);
  }
}

namespace {

class Serial final : public Contender {
 public:
  Serial(const Tuning& tuning, size_t chunk) : fd_(tuning.fd), buffer_(chunk) {}

  uint64_t round(Source& source) override {
    uint64_t total = 0;
    for (;;) {
      const Piece piece = source.next(buffer_.data(), buffer_.size());
      if (piece.size == 0) return total;
      writeAll(fd_, piece.data, piece.size);
      total += piece.size;
    }
  }

 private:
  int fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace

std::unique_ptr<Contender> serialContender(const Source& source, const Tuning& tuning) {
  const size_t chunk = tuning.chunk > 0 ? tuning.chunk : size_t{1} << 20;
  return std::make_unique<Serial>(tuning, std::max<size_t>(chunk, source.deviceChunk()));
}

}  // namespace bench
