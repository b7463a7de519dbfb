// SPDX-License-Identifier: MIT
// Throughput of the integrity methods on one thread, over a buffer that stays in the cache and one that does
// not.
//   node bench/run.mjs builds it beside the contenders: build-bench/vfm-integrity
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "core/integrity/crc32.h"
#include "core/integrity/sha256.h"

namespace {

constexpr int kRounds = 15;

// The median of the rounds, in GB/s (10^9 bytes).
template <typename Work>
double throughput(size_t bytes, Work work) {
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    size_t done = 0;
    const auto start = std::chrono::steady_clock::now();
    std::chrono::duration<double> spent{};
    do {
      work();
      done += bytes;
      spent = std::chrono::steady_clock::now() - start;
    } while (spent.count() < 0.05);
    rates.push_back(static_cast<double>(done) / spent.count() / 1e9);
  }
  std::sort(rates.begin(), rates.end());
  return rates[kRounds / 2];
}

volatile uint32_t sink;

}  // namespace

int main() {
  for (const size_t size : {size_t{4} << 10, size_t{512} << 10, size_t{1} << 20, size_t{256} << 20}) {
    std::vector<uint8_t> memory(size);
    for (size_t i = 0; i < size; ++i) memory[i] = static_cast<uint8_t>(i * 2654435761U >> 13);
    const vfm::ConstBytes bytes{memory.data(), memory.size()};
    std::printf("buffer %7zu KiB:", size >> 10);
    const vfm::Crc32Methods& methods = vfm::crc32Methods();
    for (int m = 0; m < methods.count; ++m) {
      const auto& method = methods.method[m];
      if (!method.available) continue;
      std::printf("  %s %.1f", method.name, throughput(size, [&] { sink = method.run(sink, bytes); }));
    }
    const struct {
      const char* name;
      vfm::Sha256::Compress compress;
    } hashes[] = {{"sha-ni", vfm::Sha256::accelerated()}, {"sha-portable", vfm::Sha256::portable()}};
    for (const auto& hash : hashes) {
      if (hash.compress == nullptr) continue;
      std::printf("  %s %.2f", hash.name, throughput(size, [&] {
                    vfm::Sha256 digest(hash.compress);
                    digest.update(bytes);
                    sink = digest.finish()[0];
                  }));
    }
    std::printf("  GB/s\n");
  }
}
