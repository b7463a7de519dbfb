// SPDX-License-Identifier: MIT
// A contender as a worker: says `ready`, then moves one whole save into the descriptor for each line `round`
// that it is given, and prints what that took as a line of JSON.
//   vfm-reference --contender serial|best|ours|ours-frames --source v1-mapped|v1-trapped|v2 --bytes N --fd N
//                 [--chunk N] [--overlap 0|1] [--buffers N] [--sndbuf N] [--device-chunk N] [--nice N]
//                 [--device PATH [--region N]]
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "arguments.h"
#include "best.h"
#include "ours.h"
#include "serial.h"
#include "usage.h"

int main(int count, char** words) {
  const bench::Arguments arguments(count, words);
  if (arguments.has("nice")) ::setpriority(PRIO_PROCESS, 0, static_cast<int>(arguments.number("nice", 0)));
  bench::Tuning tuning;
  tuning.fd = static_cast<int>(arguments.number("fd", 1));
  tuning.chunk = arguments.number("chunk", 0);
  tuning.buffers = arguments.number("buffers", 0);
  if (arguments.has("overlap")) tuning.overlap = static_cast<int>(arguments.number("overlap", 0));
  if (arguments.has("sndbuf")) {
    const int size = static_cast<int>(arguments.number("sndbuf", 0));
    ::setsockopt(tuning.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  bench::Source source = bench::Source::open(arguments);
  const std::string name = arguments.text("contender", "serial");
  std::unique_ptr<bench::Contender> contender;
  if (name == "serial") contender = bench::serialContender(source, tuning);
  if (name == "best") contender = bench::bestContender(source, tuning);
  if (name == "ours") contender = bench::oursContender(tuning, bench::Framing::kRaw);
  if (name == "ours-frames") contender = bench::oursContender(tuning, bench::Framing::kFrames);
  if (!contender) bench::die("--contender is serial, best, ours or ours-frames, not " + name);

  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line != "round") bench::die("unexpected line " + line);
    ::lseek(tuning.fd, 0, SEEK_SET);  // a file is written over; others cannot seek
    const uint64_t before = bench::nowNs();
    source.stop();
    const uint64_t stopped = bench::nowNs();
    const bench::Usage usage = bench::Usage::begin();
    const uint64_t bytes = contender->round(source);
    const double seconds = usage.seconds();
    const double cpu = usage.cpuSeconds();
    std::printf(
        "{\"bytes\":%llu,\"seconds\":%.9f,\"cpuSeconds\":%.6f,\"peakKiB\":%llu,\"stopSeconds\":%.9f}\n",
        static_cast<unsigned long long>(bytes), seconds, cpu,
        static_cast<unsigned long long>(usage.peakKiB()), static_cast<double>(stopped - before) / 1e9);
    std::fflush(stdout);
    source.resume();
  }
  return 0;
}
