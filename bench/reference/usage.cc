// SPDX-License-Identifier: MIT
#include "usage.h"

#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <cstring>

namespace bench {
namespace {

double processCpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t statusKiB(const char* name) {
  uint64_t value = 0;
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, std::strlen(name)) != 0) continue;
    unsigned long long found = 0;
    if (std::sscanf(line + std::strlen(name), ": %llu", &found) == 1) value = found;
  }
  std::fclose(file);
  return value;
}

}  // namespace

uint64_t nowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Usage Usage::begin() {
  if (std::FILE* file = std::fopen("/proc/self/clear_refs", "we")) {
    std::fputs("5", file);
    std::fclose(file);
  }
  Usage usage;
  usage.residentKiB_ = statusKiB("VmRSS");
  usage.cpu_ = processCpu();
  usage.startNs_ = nowNs();
  return usage;
}

double Usage::cpuSeconds() const { return processCpu() - cpu_; }

uint64_t Usage::peakKiB() const {
  const uint64_t peak = statusKiB("VmHWM");
  return peak > residentKiB_ ? peak - residentKiB_ : 0;
}

}  // namespace bench
