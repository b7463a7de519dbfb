// SPDX-License-Identifier: MIT
// What the pumps note of chunks and register accesses, and what becomes of what nobody fetches.
#include "core/data/flight_ring.h"

#include <cstring>
#include <thread>

#include "core/data/pump.h"
#include "core/v1/load_rounds.h"
#include "core/v1/save_rounds.h"
#include "simulated/bench_device.h"

using namespace bench;

namespace {

FlightRecord chunk(uint64_t ns, uint64_t bytes) {
  FlightRecord record;
  record.ns = ns;
  record.bytes = bytes;
  record.detail = 2;
  return record;
}

FlightRecord access(uint64_t ns) {
  FlightRecord record;
  record.kind = FlightRecord::kRegisterRead;
  record.ns = ns;
  record.bytes = 8;
  return record;
}

// Three chunks, then what it is told.
class ThreeChunks final : public ChunkSource {
 public:
  explicit ThreeChunks(bool fails) : fails_(fails) {}
  Result<Turn> next() override {
    if (turn_ < 3) {
      std::memset(bytes_, 0x5a, sizeof bytes_);
      return Turn{Progress::kBytes, Bytes{bytes_, ++turn_ * 10}, nullptr};
    }
    if (fails_) return Failure::system(EIO, "read", "a chunk");
    return Turn{Progress::kEnd, {}, nullptr};
  }
  Result<Turn> nextInto(std::shared_ptr<Memory>&, Place) override { return next(); }
  Result<Turn> nextOwned() override { return next(); }
  void cancel() override {}

 private:
  bool fails_;
  size_t turn_ = 0;
  uint8_t bytes_[64];
};

class Swallow final : public ChunkSink {
 public:
  Result<Bytes> prepare(size_t length) override { return Bytes{bytes_, length}; }
  Status commit() override { return {}; }
  Status put(ConstBytes) override {
    if (refuses) return Failure::because(Reason::kChunkTooLarge, "a chunk");
    return {};
  }
  bool needsBorders() const override { return false; }
  void cancel() override {}
  bool refuses = false;

 private:
  uint8_t bytes_[64];
};

}  // namespace

TEST_CASE("a ring that is off keeps nothing") {
  FlightRing ring;
  CHECK_FALSE(ring.on());
  ring.add(chunk(1, 10));
  CHECK(ring.take().records.empty());
}

TEST_CASE("a ring yields what was noted, the oldest first, once") {
  FlightRing ring;
  ring.start(4);
  ring.add(chunk(1, 10));
  ring.add(access(2));
  auto taken = ring.take();
  REQUIRE(taken.records.size() == 2);
  CHECK(taken.records[0].ns == 1);
  CHECK(taken.records[1].kind == FlightRecord::kRegisterRead);
  CHECK(taken.lost.chunks == 0);
  CHECK(ring.take().records.empty());
}

TEST_CASE("a full ring drops the oldest and counts what it was") {
  FlightRing ring;
  ring.start(4);
  ring.add(access(1));
  for (uint64_t ns = 2; ns <= 7; ++ns) ring.add(chunk(ns, 100 * ns));
  auto taken = ring.take();
  REQUIRE(taken.records.size() == 4);
  CHECK(taken.records.front().ns == 4);
  CHECK(taken.records.back().ns == 7);
  CHECK(taken.lost.registers == 1);
  CHECK(taken.lost.chunks == 2);
  CHECK(taken.lost.bytes == 500);
  CHECK(taken.lost.deviceNs == 4);
  CHECK(taken.lost.lastNs == 3);
  CHECK(ring.take().lost.chunks == 0);
}

TEST_CASE("a ring that shrinks keeps the youngest, and one that starts again all") {
  FlightRing ring;
  ring.start(4);
  for (uint64_t ns = 1; ns <= 4; ++ns) ring.add(chunk(ns, 1));
  ring.start(4);
  ring.start(2);
  auto taken = ring.take();
  REQUIRE(taken.records.size() == 2);
  CHECK(taken.records[0].ns == 3);
  CHECK(taken.lost.chunks == 2);
}

TEST_CASE("a ring that is stopped forgets") {
  FlightRing ring;
  ring.start(4);
  ring.add(chunk(1, 1));
  ring.stop();
  ring.start(4);
  CHECK(ring.take().records.empty());
}

TEST_CASE("a ring is written by one thread and read by another without losing a byte") {
  FlightRing ring;
  ring.start(64);
  std::thread writer([&] {
    for (uint64_t ns = 1; ns <= 20'000; ++ns) ring.add(chunk(ns, 3));
  });
  uint64_t bytes = 0, chunks = 0;
  const auto fetch = [&] {
    auto taken = ring.take();
    bytes += taken.lost.bytes;
    chunks += taken.lost.chunks;
    for (const FlightRecord& record : taken.records) {
      bytes += record.bytes;
      chunks += 1;
    }
  };
  for (int turn = 0; turn < 200; ++turn) fetch();
  writer.join();
  fetch();
  CHECK(chunks == 20'000);
  CHECK(bytes == 60'000);
}

TEST_CASE("a pump notes nothing unless asked") {
  ThreeChunks source(false);
  Swallow sink;
  PumpControl out, in;
  REQUIRE(pumpToSink(source, sink, out, in).ok());
  CHECK(out.flight->take().records.empty());
  CHECK(in.flight->take().records.empty());
}

TEST_CASE("a pump notes each chunk on both sides: its size, and how long the device took") {
  ThreeChunks source(false);
  Swallow sink;
  PumpControl out, in;
  out.flight->start(16);
  in.flight->start(16);
  const uint64_t before = monotonicNs();
  REQUIRE(pumpToSink(source, sink, out, in).ok());
  for (auto* control : {&out, &in}) {
    auto taken = control->flight->take();
    REQUIRE(taken.records.size() == 3);
    for (size_t at = 0; at < 3; ++at) {
      const FlightRecord& record = taken.records[at];
      CHECK(record.kind == FlightRecord::kChunk);
      CHECK(record.bytes == 10 * (at + 1));
      CHECK(record.ns >= before);
      CHECK(record.detail <= record.durationNs);
      CHECK(record.error == 0);
    }
  }
}

TEST_CASE("a pump notes the chunk that failed, on the side that failed") {
  ThreeChunks source(true);
  Swallow sink;
  PumpControl out, in;
  out.flight->start(16);
  in.flight->start(16);
  REQUIRE_FALSE(pumpToSink(source, sink, out, in).ok());
  auto taken = out.flight->take();
  REQUIRE(taken.records.size() == 4);
  CHECK(taken.records.back().bytes == 0);
  CHECK(taken.records.back().error == EIO);
  CHECK(in.flight->take().records.size() == 3);

  ThreeChunks again(false);
  sink.refuses = true;
  REQUIRE_FALSE(pumpToSink(again, sink, out, in).ok());
  taken = in.flight->take();
  REQUIRE(taken.records.size() == 1);
  CHECK(taken.records[0].error == FlightRecord::kReason + static_cast<uint64_t>(Reason::kChunkTooLarge));
}

TEST_CASE("the rounds of v1 note each register in the order of the protocol, and no value but device_state") {
  SimulatedOptions options;
  options.protocol = SimulatedProtocol::kV1;
  options.stateBytes = 64 * 1024;
  options.seed = 5;
  BenchDevice source(options), destination(options);
  REQUIRE(source.put<uint32_t>(9, 0, 2) == 0);
  REQUIRE(destination.put<uint32_t>(9, 0, 4) == 0);
  V1SaveRounds save(source.device, kMigrationRegion, DataPath::kAuto, 1 << 20);
  V1LoadRounds load(destination.device, kMigrationRegion, DataPath::kAuto, 1 << 20);
  PumpControl out, in;
  save.noteIn(out.flight);
  load.noteIn(in.flight);
  out.flight->start(1024);
  in.flight->start(1024);
  auto pumped = pumpToSink(save, load, out, in);
  REQUIRE(pumped.ok());
  REQUIRE(pumped->chunks > 0);

  std::vector<uint64_t> offsets;
  uint64_t bytes = 0;
  for (const FlightRecord& record : out.flight->take().records) {
    if (record.kind == FlightRecord::kChunk) {
      bytes += record.bytes;
      offsets.push_back(0);
      continue;
    }
    CHECK(record.kind == FlightRecord::kRegisterRead);
    if (record.offset == V1Registers::kDeviceState) {
      CHECK(record.detail == V1Registers::kStopCopy);
      continue;
    }
    CHECK(record.detail == 0);
    offsets.push_back(record.offset);
  }
  CHECK(bytes == pumped->bytes);
  REQUIRE(offsets.size() >= 4 * pumped->chunks);
  for (size_t chunk = 0; chunk < pumped->chunks; ++chunk) {
    const std::vector<uint64_t> round(offsets.begin() + 4 * static_cast<ptrdiff_t>(chunk),
                                      offsets.begin() + 4 * static_cast<ptrdiff_t>(chunk + 1));
    CHECK(round == std::vector<uint64_t>{8, 16, 24, 0});
  }

  size_t writes = 0;
  for (const FlightRecord& record : in.flight->take().records) {
    if (record.kind != FlightRecord::kRegisterWrite) continue;
    CHECK(record.offset == V1Registers::kDataSize);
    CHECK(record.detail == 0);
    writes += 1;
  }
  CHECK(writes == pumped->chunks);
}
