// SPDX-License-Identifier: MIT
// What single operations cost in C, a line of JSON each: beside what the library makes of them.
//   vfm-micro [--only NAME] [--rounds N]
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "arguments.h"
#include "core/data/pump.h"
#include "core/v1/save_rounds.h"
#include "source.h"
#include "uapi/migration_v2.h"
#include "usage.h"

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const char* name, const char* unit, double value) {
  std::printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.2f}\n", name, unit, value);
  std::fflush(stdout);
}

// Median over rounds of the mean of many calls.
double nsPerCall(uint64_t rounds, const std::function<void()>& call) {
  constexpr int kCalls = 2000;
  std::vector<double> each;
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint64_t start = bench::nowNs();
    for (int i = 0; i < kCalls; ++i) call();
    each.push_back(static_cast<double>(bench::nowNs() - start) / kCalls);
  }
  return median(each);
}

// There and back between two threads that sleep in a read of an eventfd.
double pingPongNs(uint64_t rounds) {
  const int there = ::eventfd(0, EFD_CLOEXEC);
  const int back = ::eventfd(0, EFD_CLOEXEC);
  const uint64_t turns = rounds * 1000;
  std::thread other([&] {
    for (uint64_t i = 0; i < turns; ++i) {
      uint64_t value = 0;
      if (::read(there, &value, sizeof value) != sizeof value) return;
      value = 1;
      if (::write(back, &value, sizeof value) != sizeof value) return;
    }
  });
  std::vector<double> each;
  for (uint64_t i = 0; i < turns; ++i) {
    uint64_t value = 1;
    const uint64_t start = bench::nowNs();
    if (::write(there, &value, sizeof value) != sizeof value) break;
    if (::read(back, &value, sizeof value) != sizeof value) break;
    each.push_back(static_cast<double>(bench::nowNs() - start));
  }
  other.join();
  ::close(there);
  ::close(back);
  return median(each);
}

bench::Source sourceOf(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return bench::Source::open(bench::Arguments(static_cast<int>(pointers.size()), pointers.data()));
}

// A file as the other contender has one: what lies in the kernel's own mount may cost less.
int tmpfsFile() {
  char path[] = "/dev/shm/vfm-micro-XXXXXX";
  const int file = ::mkostemp(path, O_CLOEXEC);
  if (file < 0 || ::unlink(path) != 0) bench::die("a file in /dev/shm");
  return file;
}

// v1 rounds of as little as the simulated device can be made to stage.
double tinyRoundsMiBs(uint64_t tiny) {
  constexpr uint64_t kBytes = 64u << 20;
  bench::Source source = sourceOf({"micro", "--source", "v1-trapped", "--bytes", std::to_string(kBytes),
                                   "--device-chunk", std::to_string(tiny)});
  std::vector<uint8_t> buffer(1u << 20);
  const int sink = tmpfsFile();
  std::vector<double> rates;
  for (int round = 0; round < 21; ++round) {
    source.stop();
    ::lseek(sink, 0, SEEK_SET);
    const uint64_t start = bench::nowNs();
    uint64_t total = 0;
    for (;;) {
      const bench::Piece piece = source.next(buffer.data(), buffer.size());
      if (piece.size == 0) break;
      if (::write(sink, piece.data, piece.size) != static_cast<ssize_t>(piece.size)) bench::die("write");
      total += piece.size;
    }
    const double seconds = static_cast<double>(bench::nowNs() - start) / 1e9;
    source.resume();
    if (round > 3) rates.push_back(static_cast<double>(total) / (1u << 20) / seconds);
  }
  ::close(sink);
  return median(rates);
}

}  // namespace

int main(int count, char** words) {
  const bench::Arguments arguments(count, words);
  const uint64_t rounds = arguments.number("rounds", 15);
  const std::string only = arguments.text("only", "");
  auto wanted = [&](const char* name) { return only.empty() || only == name; };

  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wanted("ioctl")) {
    // A request that the descriptor does not know: entry, look-up, return.
    print("ioctl", "ns", nsPerCall(rounds, [&] { (void)::ioctl(event, 0x3b75, nullptr); }));
  }
  if (wanted("ping-pong")) print("ping-pong", "ns", pingPongNs(rounds));
  if (wanted("pread")) {
    const int file = ::memfd_create("register", 0);
    uint32_t value = 1;
    if (::pwrite(file, &value, sizeof value, 0) != sizeof value) bench::die("pwrite");
    print("pread", "ns", nsPerCall(rounds, [&] { (void)!::pread(file, &value, sizeof value, 0); }));
  }
  bench::Source device = sourceOf({"micro", "--source", "v2", "--bytes", "4096"});
  if (wanted("state-read")) {
    print("state-read", "ns", nsPerCall(rounds, [&] { (void)device.device().migrationState(); }));
  }
  if (wanted("transition")) {
    bool stopped = false;
    print("transition", "ns", nsPerCall(rounds, [&] {
            stopped = !stopped;
            auto changed = device.device().setMigrationState(stopped ? vfm::uapi::kVfioDeviceStateStop
                                                                     : vfm::uapi::kVfioDeviceStateRunning);
            if (!changed) bench::die("transition");
          }));
  }
  if (only == "tiny-rounds") {  // in processes of its own
    print("tiny-rounds", "MiB/s", tinyRoundsMiBs(arguments.number("tiny", 12288)));
  }
  return 0;
}
