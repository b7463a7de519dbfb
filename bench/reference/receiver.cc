// SPDX-License-Identifier: MIT
// The other end of a socket: reads all there is and drops it.
//   vfm-receiver --fd N [--ours] [--chunk N] [--peer N]   without --ours: read() into 1 MiB, the socket as it
//   is
// Both ends are made blocking first, as C programs have them; Node makes its own otherwise. `--peer`: the
// other end, which is closed here after that.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "arguments.h"
#include "core/io/cancellation.h"
#include "core/io/input.h"

namespace {

void makeBlocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK); }

}  // namespace

int main(int count, char** words) {
  const bench::Arguments arguments(count, words);
  const int fd = static_cast<int>(arguments.number("fd", 0));
  makeBlocking(fd);
  if (arguments.has("peer")) {
    const int peer = static_cast<int>(arguments.number("peer", 0));
    makeBlocking(peer);
    ::close(peer);
  }
  ::close(STDOUT_FILENO);  // tells that all this is done
  std::vector<uint8_t> buffer(arguments.number("chunk", 1u << 20));
  if (arguments.has("ours")) {
    const auto cancellation = vfm::Cancellation::create();
    auto input = vfm::Input::over(fd);
    if (!cancellation || !input) bench::die("cannot read the descriptor");
    for (;;) {
      auto read = input->readSome({buffer.data(), buffer.size()}, **cancellation);
      if (!read) bench::die("read: errno " + std::to_string(read.failure().error));
      if (*read == 0) return 0;
    }
  }
  for (;;) {
    const ssize_t read = ::read(fd, buffer.data(), buffer.size());
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) bench::die("read: errno " + std::to_string(errno));
    if (read == 0) return 0;
  }
}
