// SPDX-License-Identifier: MIT
// What the frames cost: chunks through Output alone, and through FrameWriter with each integrity, in
// alternating rounds.
//   g++ -std=c++17 -O2 -pthread -Inative bench/native/frame_writer.cc native/core/{io,integrity,stream}/*.cc
//   -o frame_writer
#include "core/stream/frame_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace vfm;

constexpr size_t kChunk = size_t{512} << 10;
constexpr size_t kState = size_t{256} << 20;
constexpr int kRounds = 9;

// Seconds for the whole state; mode 0 is Output alone, 1 + integrity a stream.
double run(int fd, int mode, int state) {
  static std::vector<uint8_t> buffer(kChunk);
  const ConstBytes chunk{buffer.data(), kChunk};
  const auto cancel = Cancellation::create();
  auto output = Output::over(fd);
  const auto start = std::chrono::steady_clock::now();
  bool good = true;
  if (mode == 0) {
    for (size_t at = 0; at < kState; at += kChunk) {
      good &= ::pread(state, buffer.data(), kChunk, static_cast<off_t>(at)) == static_cast<ssize_t>(kChunk);
      good &= output->writeAll(chunk, **cancel).ok();
    }
  } else {
    WriterOptions options;
    options.integrity = static_cast<StreamIntegrity>(mode - 1);
    auto writer = FrameWriter::over(*output, **cancel, options);
    const uint8_t json[] = {'{', '}'};
    good &= writer->writeControl(FrameType::kManifest, 0, {json, 2}).ok();
    good &= writer->writeControl(FrameType::kSectionBegin, 1, {json, 2}).ok();
    for (size_t at = 0; at < kState; at += kChunk) {
      good &= ::pread(state, buffer.data(), kChunk, static_cast<off_t>(at)) == static_cast<ssize_t>(kChunk);
      good &= writer->writeData(1, chunk).ok();
    }
    good &= writer->writeControl(FrameType::kSectionEnd, 1, {}).ok();
    good &= writer->finish().ok();
  }
  if (!good) std::printf("failed\n");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report(const char* name, int state, int fd, bool rewind) {
  constexpr int kColumns[] = {0, 0, 1, 2};  // Output against itself first: what the noise is
  std::vector<double> rates[4];
  for (int round = 0; round < kRounds; ++round) {
    for (int column = 0; column < 4; ++column) {
      if (rewind) ::lseek(fd, 0, SEEK_SET);
      rates[column].push_back(static_cast<double>(kState) / run(fd, kColumns[column], state) / 1e9);
    }
  }
  for (auto& rate : rates) std::sort(rate.begin(), rate.end());
  const auto median = [&](int column) { return rates[column][kRounds / 2]; };
  std::printf(
      "%-12s output %.2f  again %.2f  checksums %.2f (x%.2f)  digests %.2f (x%.2f)  GB/s, median of %d\n",
      name, median(0), median(1), median(2), median(2) / median(0), median(3), median(3) / median(0),
      kRounds);
}

}  // namespace

int main() {
  const UniqueFd device(::memfd_create("state", MFD_CLOEXEC));
  const std::vector<uint8_t> noise(kState, 0xA5);
  if (::write(device.get(), noise.data(), kState) != static_cast<ssize_t>(kState)) return 1;
  const int state = device.get();

  const UniqueFd file(::memfd_create("bench", MFD_CLOEXEC));
  report("memory file", state, file.get(), true);

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 1;
  const int size = 1 << 20;
  ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  std::thread drain([&] {
    std::vector<uint8_t> buffer(1 << 20);
    while (::read(in.get(), buffer.data(), buffer.size()) > 0) {
    }
  });
  report("UNIX socket", state, out.get(), false);
  out.reset();
  drain.join();
}
