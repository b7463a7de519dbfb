// SPDX-License-Identifier: MIT
// v1 saves and loads of a simulated device, round by round, in every kind of data section.
#include <algorithm>
#include <set>

#include "simulated/bench_device.h"

using namespace bench;

namespace {

constexpr uint64_t kPending = 8, kOffset = 16, kSize = 24;
using Chunks = std::vector<std::vector<uint8_t>>;

// Moves bytes between `buffer` and the data section as a client has to: mapped where it may, trapped where it
// must.
class Section {
 public:
  explicit Section(const BenchDevice& device)
      : device_(device), info_(*device->regionInfo(kMigrationRegion)) {
    for (const Area& area : info_.mappable) {
      auto mapping = device->map(kMigrationRegion, area, Protection::kReadWrite);
      REQUIRE(mapping.ok());
      CHECK((*mapping)->trusted());
      CHECK((*mapping)->size() == area.size);
      mappings_.push_back(*mapping);
    }
  }

  void move(uint64_t at, std::vector<uint8_t>& buffer, bool toDevice) {
    REQUIRE(at >= 4096);
    REQUIRE(at + buffer.size() <= info_.size);
    for (size_t done = 0; done < buffer.size();) {
      uint64_t position = at + done;
      size_t length = buffer.size() - done;
      uint8_t* mapped = nullptr;
      for (size_t i = 0; i < info_.mappable.size(); ++i) {
        const Area& area = info_.mappable[i];
        if (position >= area.offset && position < area.end()) {
          mapped = mappings_[i]->data() + (position - area.offset);
          length = std::min<size_t>(length, area.end() - position);
        } else if (position < area.offset) {
          length = std::min<size_t>(length, area.offset - position);
        }
      }
      uint8_t* local = buffer.data() + done;
      if (mapped) {
        mappedBytes += length;
        std::memcpy(toDevice ? mapped : local, toDevice ? local : mapped, length);
      } else {
        trappedBytes += length;
        auto moved = toDevice ? device_->writeRegion(9, position, {local, length})
                              : device_->readRegion(9, position, {local, length});
        REQUIRE(moved.ok());
        REQUIRE(*moved == length);
      }
      done += length;
    }
  }

  size_t mappedBytes = 0;
  size_t trappedBytes = 0;

 private:
  const BenchDevice& device_;
  RegionInfo info_;
  std::vector<std::shared_ptr<Mapping>> mappings_;
};

void collect(const BenchDevice& device, Section& section, Chunks& chunks,
             std::set<uint64_t>* places = nullptr) {
  while (device.read<uint64_t>(9, kPending) != 0) {
    uint64_t place = device.read<uint64_t>(9, kOffset);
    CHECK(place % 4096 == 0);
    CHECK(device.read<uint64_t>(9, kOffset) == place);
    if (places) places->insert(place);
    std::vector<uint8_t> chunk(device.read<uint64_t>(9, kSize));
    CHECK(device.read<uint64_t>(9, kSize) == chunk.size());
    REQUIRE(!chunk.empty());
    section.move(place, chunk, false);
    chunks.push_back(chunk);
  }
}

// 0 or the errno of the chunk refused.
int apply(const BenchDevice& device, Section& section, Chunks& chunks) {
  for (auto& chunk : chunks) {
    uint64_t place = device.read<uint64_t>(9, kOffset);
    section.move(place, chunk, true);
    if (int error = device.put<uint64_t>(9, kSize, chunk.size())) return error;
  }
  return 0;
}

Chunks stopAndCopy(const BenchDevice& device) {
  Section section(device);
  Chunks chunks;
  REQUIRE(device.setV1(2) == 0);
  collect(device, section, chunks);
  return chunks;
}

}  // namespace

TEST_CASE("v1: pre-copy, stop-and-copy and load, in every kind of data section") {
  for (DataSection kind :
       {DataSection::kTrapped, DataSection::kMapped, DataSection::kSparse, DataSection::kStraddling}) {
    CAPTURE(static_cast<int>(kind));
    BenchDevice source(v1Options(kind, 300 << 10));
    REQUIRE(source.put<uint32_t>(0, 0x10, 4711) == 0);
    Section section(source);
    Chunks chunks;
    std::set<uint64_t> places;
    REQUIRE(source.setV1(3) == 0);
    collect(source, section, chunks, &places);
    size_t full = chunks.size();
    CHECK(full >= 5);
    source.step();
    source.step();
    collect(source, section, chunks, &places);
    CHECK(chunks.size() == full + 1);  // two neighbouring pages, in one chunk
    source.step();
    REQUIRE(source.setV1(2) == 0);
    collect(source, section, chunks, &places);
    CHECK(chunks.size() == full + 3);  // one page, and the registers
    REQUIRE(source.setV1(0) == 0);
    CHECK(places.size() == (kind == DataSection::kStraddling ? chunks.size() : 1));
    CHECK((section.mappedBytes > 0) == (kind != DataSection::kTrapped));
    CHECK((section.trappedBytes > 0) == (kind != DataSection::kMapped));

    SimulatedOptions plain = v1Options(kind, 300 << 10);
    plain.seed.reset();
    BenchDevice target(plain);
    Section other(target);
    REQUIRE(target.setV1(4) == 0);
    CHECK(apply(target, other, chunks) == 0);
    REQUIRE(target.setV1(1) == 0);
    CHECK(target.deviceState() == 1);
    CHECK(target.scratch() == 4711);
    CHECK(target.runCount() == 1);
    CHECK(target.memory() == expectedMemory(300 << 10, true, 7, 3));
  }
}

TEST_CASE("v1: straddling chunks do straddle: their first bytes are mapped, their last are not") {
  BenchDevice device(v1Options(DataSection::kStraddling));
  auto area = device->regionInfo(9)->mappable.at(0);
  REQUIRE(device.setV1(2) == 0);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(device.read<uint64_t>(9, kPending) > 0);
    uint64_t place = device.read<uint64_t>(9, kOffset), size = device.read<uint64_t>(9, kSize);
    CHECK(place < area.end());
    CHECK(place + size > area.end());
  }
}

TEST_CASE("v1: what was cut anew, reordered, lost, repeated or damaged is refused, and the load is void") {
  BenchDevice source(v1Options());
  const Chunks good = stopAndCopy(source);
  REQUIRE(good.size() > 4);
  BenchDevice target(v1Options());
  Section section(target);
  auto refused = [&](Chunks chunks) {
    REQUIRE(target->reset().ok());
    REQUIRE(target.setV1(4) == 0);
    int error = apply(target, section, chunks);
    CHECK((error == 0 || error == EINVAL));
    if (error != 0) {
      uint64_t place = 0;
      CHECK(target.get(9, kOffset, place) == 0);
      CHECK(target.put<uint64_t>(9, kSize, 64) == EINVAL);
    }
    CHECK(target.setV1(1) == EINVAL);
    CHECK(target.deviceState() == 6);
    return error;
  };

  Chunks chunks = good;
  std::swap(chunks[1], chunks[2]);
  CHECK(refused(chunks) == EINVAL);
  chunks = good;
  chunks.erase(chunks.begin() + 1);
  CHECK(refused(chunks) == EINVAL);
  chunks = good;
  chunks.insert(chunks.begin() + 1, chunks[1]);
  CHECK(refused(chunks) == EINVAL);
  chunks = good;
  std::vector<uint8_t> tail(chunks[0].begin() + 1000, chunks[0].end());
  chunks[0].resize(1000);
  chunks.insert(chunks.begin() + 1, tail);
  CHECK(refused(chunks) == EINVAL);
  chunks = good;
  chunks.pop_back();
  CHECK(refused(chunks) == 0);
  chunks = good;
  chunks[0].push_back(0);
  CHECK(refused(chunks) == EINVAL);
  for (size_t at : {0, 4, 8, 16, 24, 32, 40, 100, 5000}) {
    CAPTURE(at);
    chunks = good;
    chunks[2][at] ^= 1;
    CHECK(refused(chunks) == EINVAL);
  }
  CHECK(refused({}) == 0);

  REQUIRE(target->reset().ok());
  REQUIRE(target.setV1(4) == 0);
  chunks = good;
  CHECK(apply(target, section, chunks) == 0);
  CHECK(target.setV1(1) == 0);
}

TEST_CASE("v1: data_size before data_offset, and sizes that cannot be") {
  BenchDevice device(v1Options());
  uint64_t place = 0;
  for (uint64_t size : {0ull, 63ull, 65537ull, 1ull << 40, ~0ull}) {
    REQUIRE(device->reset().ok());
    REQUIRE(device.setV1(4) == 0);
    CHECK(device.put<uint64_t>(9, kSize, size) == EINVAL);
    CHECK(device.get(9, kOffset, place) == 0);
    CHECK(device.put<uint64_t>(9, kSize, size) == EINVAL);
  }
}

TEST_CASE("v1: a good chunk without data_offset read in its round is refused as well") {
  BenchDevice source(v1Options());
  Chunks chunks = stopAndCopy(source);
  BenchDevice target(v1Options());
  Section section(target);
  REQUIRE(target.setV1(4) == 0);
  section.move(4096, chunks[0], true);
  CHECK(target.put<uint64_t>(9, kSize, chunks[0].size()) == EINVAL);
  CHECK(target.read<uint64_t>(9, kOffset) == 4096);
  CHECK(target.put<uint64_t>(9, kSize, chunks[0].size()) == 0);
  section.move(4096, chunks[1], true);
  CHECK(target.put<uint64_t>(9, kSize, chunks[1].size()) == EINVAL);
  CHECK(target.setV1(0) == EINVAL);
}

TEST_CASE("v1: another device size is refused at the first chunk") {
  BenchDevice source(v1Options());
  Chunks chunks = stopAndCopy(source);
  BenchDevice target(v1Options(DataSection::kTrapped, 2 << 20));
  Section section(target);
  REQUIRE(target.setV1(4) == 0);
  CHECK(apply(target, section, chunks) == EINVAL);
}

TEST_CASE("v1: leaving a save forgets it; the next one starts over") {
  BenchDevice source(v1Options());
  Section section(source);
  Chunks ignored;
  REQUIRE(source.setV1(3) == 0);
  collect(source, section, ignored);
  REQUIRE(source.setV1(1) == 0);
  source.step();
  Chunks chunks = stopAndCopy(source);
  BenchDevice target(v1Options());
  Section other(target);
  REQUIRE(target.setV1(4) == 0);
  CHECK(apply(target, other, chunks) == 0);
  CHECK(target.setV1(1) == 0);
  CHECK(target.memory() == expectedMemory(1 << 20, true, 7, 1));
}

TEST_CASE("v1: mappings outlive the device, and only mappable areas can be had") {
  std::shared_ptr<Mapping> kept;
  {
    BenchDevice device(v1Options(DataSection::kSparse));
    auto areas = device->regionInfo(9)->mappable;
    REQUIRE(areas.size() == 2);
    CHECK(areas[0].end() < areas[1].offset);
    CHECK_FALSE(device->map(9, {0, 4096}, Protection::kRead).ok());
    CHECK_FALSE(device->map(9, {areas[0].offset, areas[0].size + 4096}, Protection::kRead).ok());
    CHECK_FALSE(device->map(9, {areas[0].offset + 8, 4096}, Protection::kRead).ok());
    CHECK_FALSE(device->map(9, {~0ull - 4095, 8192}, Protection::kRead).ok());
    CHECK_FALSE(device->map(2, {0, 4096}, Protection::kRead).ok());
    kept = *device->map(9, areas[1], Protection::kReadWrite);
  }
  kept->data()[kept->size() - 1] = 1;
  CHECK(kept->data()[kept->size() - 1] == 1);
}
