// SPDX-License-Identifier: MIT
// A device to save, driven by hand as a VMM in C would: read() of the v2 data, or the rounds of v1. Any
// failure ends the program: a benchmark that lost bytes measured nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "arguments.h"
#include "core/data/chunk_source.h"
#include "core/device/device.h"
#include "core/device/mapping.h"
#include "core/device/session.h"

namespace bench {

enum class Kind { kV2, kV1Mapped, kV1Trapped };

struct Piece {
  const uint8_t* data = nullptr;
  size_t size = 0;  // 0: the end of the data
};

class Source {
 public:
  // --source, --bytes, --device-chunk (v1: what the device stages at most), --device PATH, --region.
  static Source open(const Arguments& arguments);

  Kind kind() const { return kind_; }
  vfm::Device& device() { return *device_; }
  uint64_t deviceChunk() const { return deviceChunk_; }

  void stop();    // into stop-copy
  void resume();  // and back
  // The next bytes, at most `size` of them in `buffer`. v1 mapped: where the device has them, and `buffer`
  // may be null, or with `aside` in `buffer` all the same; the call after acknowledges them, as does that of
  // v1 trapped. v1 wants room for a chunk.
  Piece next(uint8_t* buffer, size_t size, bool aside = false);
  // The same data as the library's pumps want it. Of the stopped device; instead of next().
  std::unique_ptr<vfm::ChunkSource> chunks(size_t bufferSize) const;

 private:
  uint64_t registerAt(uint64_t offset);
  void setState(uint32_t state);

  Kind kind_ = Kind::kV2;
  uint32_t region_ = 9;
  uint64_t deviceChunk_ = 0;
  std::shared_ptr<vfm::Device> device_;
  std::shared_ptr<vfm::Session> session_;
  std::shared_ptr<vfm::Mapping> mapping_;
  uint64_t mappedAt_ = 0;
};

}  // namespace bench
