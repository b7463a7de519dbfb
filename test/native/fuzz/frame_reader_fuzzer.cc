// SPDX-License-Identifier: MIT
// libFuzzer target: FrameReader over any bytes. Half the inputs get their checksums put right first, since no
// fuzzer guesses a CRC, so that the rules behind it are reached.
//   cmake -S . -B build-fuzz -DVFM_BUILD_FUZZERS=ON -DVFM_BUILD_TESTS=OFF -DCMAKE_CXX_COMPILER=clang++-14
//   cmake --build build-fuzz && ./build-fuzz/frame_reader_fuzzer -max_len=4096
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/integrity/crc32.h"
#include "core/stream/frame_reader.h"

namespace {

using namespace vfm;

constexpr uint64_t kLimit = 1 << 16;

void store(uint8_t* to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

// Preamble, sequence numbers and both CRCs of every frame that can be found.
void repair(std::vector<uint8_t>& stream) {
  if (stream.size() < Preamble::kSize) return;
  Preamble preamble;
  preamble.integrity = static_cast<StreamIntegrity>(stream[10] % 3);
  const auto start = preamble.encode();
  std::copy(start.begin(), start.end(), stream.begin());
  uint64_t sequence = 0;
  for (size_t at = Preamble::kSize; stream.size() - at >= FrameHeader::kSize; ++sequence) {
    uint8_t* header = &stream[at];
    uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | header[16 + i];
    const size_t behind = stream.size() - at - FrameHeader::kSize;
    store(header + 8, sequence, 8);
    if (length <= behind)
      store(header + 24, crc32(0, {header + FrameHeader::kSize, static_cast<size_t>(length)}), 4);
    store(header + 28, crc32(0, {header, 28}), 4);
    if (length > behind) return;
    size_t next = at + FrameHeader::kSize + static_cast<size_t>(length);
    if (preamble.integrity != StreamIntegrity::kChecksums && (header[0] != 5 || header[1] != 0)) {
      if (stream.size() - next < 32) return;
      const Sha256Digest digest = Sha256::of({header + FrameHeader::kSize, static_cast<size_t>(length)});
      std::copy(digest.begin(), digest.end(), stream.begin() + static_cast<ptrdiff_t>(next));
      next += digest.size();
    }
    at = next;
  }
}

void demand(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t how = data[0];
  std::vector<uint8_t> stream(data + 1, data + size);
  if ((how & 1) != 0) repair(stream);

  static const UniqueFd file(::memfd_create("fuzz", MFD_CLOEXEC));
  demand(::ftruncate(file.get(), 0) == 0 && ::lseek(file.get(), 0, SEEK_SET) == 0);
  demand(::write(file.get(), stream.data(), stream.size()) == static_cast<ssize_t>(stream.size()));
  demand(::lseek(file.get(), 0, SEEK_SET) == 0);

  static const auto cancel = Cancellation::create();
  auto input = Input::over(file.get());
  ReaderOptions options;
  options.maxDataPayload = kLimit;
  options.endsWithStream = (how & 2) == 0;
  FrameReader reader(*input, **cancel, options);
  std::vector<uint8_t> payload;
  for (;;) {
    auto header = reader.next();
    if (!header) break;
    if (header->is(FrameType::kEnd)) break;
    demand(header->length <= std::max(kLimit, kMaxControlPayload));
    if ((how & 4) != 0) {
      if (!reader.skipPayload()) break;
    } else {
      payload.resize(static_cast<size_t>(header->length));
      if (!reader.readPayload({payload.data(), payload.size()})) break;
    }
  }
  demand(reader.counters().bytes <= stream.size());
  demand(!reader.finished() || !options.endsWithStream || reader.counters().bytes == stream.size());
  return 0;
}
