// SPDX-License-Identifier: MIT
// A source whose chunks tell which they are.
#pragma once

#include <functional>
#include <memory>

#include "core/data/chunk_source.h"
#include "core/data/memory.h"

namespace vfm {

// Chunks whose every word is their number; what happens at one of them can be scripted.
class Numbered final : public ChunkSource {
 public:
  static constexpr size_t kChunk = size_t{256} << 10;

  explicit Numbered(uint64_t bytes, size_t chunk = kChunk) : chunk_(chunk), left_(bytes / chunk) {}

  std::function<Result<Progress>(uint64_t number)> before = [](uint64_t) { return Progress::kBytes; };
  bool mapped = false;  // as v1 through a mapping: in place it lies where the next turn overwrites it
  uint64_t number = 0;

  Result<Turn> next() override { return nextInto(buffer_, Place::kAnywhere); }
  Result<Turn> nextOwned() override { return next(); }
  Result<Turn> nextInto(std::shared_ptr<Memory>& memory, Place place) override {
    const bool inPlace = mapped && (place == Place::kAnywhere || chunk_ > kLargestAside);
    std::shared_ptr<Memory>& room = inPlace ? own_ : memory;
    if (!room || room->size() < chunk_) room = *Memory::allocate(chunk_);
    auto progress = before(number);
    if (!progress) return std::move(progress).failure();
    if (*progress != Progress::kBytes) return Turn{*progress, {}, nullptr};
    if (left_ == 0) return Turn{Progress::kEnd, {}, nullptr};
    --left_;
    auto* words = reinterpret_cast<uint64_t*>(room->data());
    for (size_t i = 0; i < chunk_ / 8; ++i) words[i] = number;
    ++number;
    return Turn{Progress::kBytes, Bytes{room->data(), chunk_}, room};
  }
  void cancel() override {}

 private:
  const size_t chunk_;
  uint64_t left_;
  std::shared_ptr<Memory> buffer_;
  std::shared_ptr<Memory> own_;
};

}  // namespace vfm
