// SPDX-License-Identifier: MIT
// The habits of the drivers whose state has one size and is looked at when RESUMING is left: hisi_acc, qat
// and pds.
#include "simulated/personality_bench.h"

using namespace bench;

namespace {

constexpr size_t kPreface = 32;

std::unique_ptr<Session> resuming(const BenchDevice& device) {
  REQUIRE(device->reset().ok());
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kResuming, &session) == 0);
  return session;
}

std::vector<uint8_t> firstOf(const std::vector<uint8_t>& stream, size_t bytes) {
  return {stream.begin(), stream.begin() + static_cast<long>(bytes)};
}

}  // namespace

TEST_CASE(
    "hisi_acc, qat: a pre-copy is a few bytes that tell whether the target fits, and nothing of the state") {
  for (Personality personality : {Personality::kHisiAcc, Personality::kQat}) {
    CAPTURE(factsOf(personality).name);
    BenchDevice device(like(personality));
    std::unique_ptr<Session> session;
    REQUIRE(device.set(v2::kPreCopy, &session) == 0);
    CHECK(session->precopyInfo()->initialBytes == kPreface);
    uint8_t byte[1];
    REQUIRE(session->read({byte, 1})->bytes == 1);
    CHECK(session->precopyInfo()->initialBytes == kPreface - 1);
    std::vector<uint8_t> stream = {byte[0]};
    CHECK(drain(*session, stream) == Progress::kDrained);
    CHECK(stream.size() == kPreface);
    device.step();
    CHECK(session->precopyInfo()->initialBytes == 0);
    CHECK(session->precopyInfo()->dirtyBytes == 0);
    REQUIRE(device.set(v2::kStopCopy) == 0);
    CHECK(drain(*session, stream) == Progress::kEnd);
    CHECK(stream.size() == *device->migrationDataSize());
    BenchDevice target(like(personality, 0));
    CHECK(loadWhole(target, stream) == 0);
    CHECK(target.memory() == expectedMemory(kSmall, true, 7, 1));
  }
}

TEST_CASE("hisi_acc: the information is there in PRE_COPY only") {
  SimulatedOptions options = like(Personality::kHisiAcc);
  options.p2p = true;  // the driver has none; were it to have it
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  CHECK(session->precopyInfo().ok());
  REQUIRE(device.set(v2::kPreCopyP2p) == 0);
  CHECK(session->precopyInfo().failure().error == EINVAL);
}

TEST_CASE("hisi_acc: data of another device are EFAULT from write(), and from every write after that") {
  auto stream = saveWhole(BenchDevice(like(Personality::kHisiAcc)));
  SimulatedOptions larger = like(Personality::kHisiAcc, 0);
  larger.stateBytes *= 2;
  BenchDevice target(larger);
  auto session = resuming(target);
  CHECK(feed(*session, firstOf(stream, kPreface - 1)) == 0);
  CHECK(feed(*session, {stream[kPreface - 1]}) == EFAULT);
  CHECK(feed(*session, {0}) == EFAULT);
  CHECK(target.set(v2::kStop) == EINVAL);
  CHECK(target.state() == v2::kResuming);
}

TEST_CASE("hisi_acc: with nothing but the match data RESUMING can be left, with part of the rest it cannot") {
  auto stream = saveWhole(BenchDevice(like(Personality::kHisiAcc)));
  BenchDevice target(like(Personality::kHisiAcc));
  for (size_t bytes : {size_t{0}, kPreface - 1, kPreface, kPreface + 1, stream.size() - 1, stream.size()}) {
    CAPTURE(bytes);
    auto session = resuming(target);
    CHECK(feed(*session, firstOf(stream, bytes)) == 0);
    CHECK(target.set(v2::kStop) == (bytes == kPreface || bytes == stream.size() ? 0 : EINVAL));
  }
}

TEST_CASE("hisi_acc, qat: a write past the end is ENOMEM, takes nothing and spoils nothing") {
  for (Personality personality : {Personality::kHisiAcc, Personality::kQat}) {
    CAPTURE(factsOf(personality).name);
    auto stream = saveWhole(BenchDevice(like(personality)));
    BenchDevice target(like(personality, 0));
    auto session = resuming(target);
    const size_t most = stream.size() - 10;
    REQUIRE(feed(*session, firstOf(stream, most)) == 0);
    std::vector<uint8_t> rest(stream.begin() + static_cast<long>(most), stream.end());
    rest.push_back(0);
    CHECK(session->write({rest.data(), rest.size()}).failure().error == ENOMEM);
    CHECK(*session->write({rest.data(), rest.size() - 1}) == 10);
    CHECK(target.set(v2::kRunning) == 0);
    CHECK(target.memory() == expectedMemory(kSmall, true, 7, 0));
  }
}

TEST_CASE("qat: another set-up is EINVAL from write(); the rest is looked at when RESUMING is left") {
  auto stream = saveWhole(BenchDevice(like(Personality::kQat)));
  BenchDevice target(like(Personality::kQat, 0));
  auto setup = stream;
  setup[9] ^= 1;
  CHECK(feed(*resuming(target), setup) == EINVAL);
  for (size_t at : {kPreface, kPreface + 8}) {  // a record's kind, and its place
    auto body = stream;
    body[at] ^= 0x10;
    CHECK(feed(*resuming(target), body) == 0);
    CHECK(target.set(v2::kStop) == EINVAL);
    CHECK(target.state() == v2::kResuming);
  }
}

TEST_CASE(
    "pds: takes whatever fits, says a part of an over-long write and then EINVAL, and looks at the end") {
  auto stream = saveWhole(BenchDevice(like(Personality::kPds)));
  BenchDevice target(like(Personality::kPds, 0));
  auto session = resuming(target);
  std::vector<uint8_t> garbage(stream.size() + 100, 0xa5);
  size_t taken = 0;
  for (;;) {
    auto wrote = session->write({garbage.data() + taken, garbage.size() - taken});
    if (!wrote.ok()) {
      CHECK(wrote.failure().error == EINVAL);
      break;
    }
    taken += *wrote;
  }
  CHECK(taken == stream.size());
  CHECK(target.set(v2::kStop) == EINVAL);
  CHECK(target.state() == v2::kResuming);
  session = resuming(target);
  CHECK(feed(*session, stream) == 0);
  CHECK(session->write({garbage.data(), 1}).failure().error == EINVAL);
  CHECK(target.set(v2::kRunning) == 0);
  CHECK(target.memory() == expectedMemory(kSmall, true, 7, 0));
}

TEST_CASE("pds, xe: there is no pre-copy, so that its session knows no such request") {
  for (Personality personality : {Personality::kPds, Personality::kXe}) {
    BenchDevice device(like(personality));
    CHECK(device.set(v2::kPreCopy) == EINVAL);
    std::unique_ptr<Session> session;
    REQUIRE(device.set(v2::kStopCopy, &session) == 0);
    CHECK(session->precopyInfo().failure().error == ENOTTY);
  }
}

TEST_CASE("pds: STOP_COPY to STOP ends the DMA log, on no other device") {
  for (Personality personality : {Personality::kPds, Personality::kMlx5}) {
    BenchDevice device(like(personality));
    REQUIRE(device->startDmaLog({{0, 0xffff}}, 4096).ok());
    REQUIRE(device.set(v2::kStopCopy) == 0);
    auto bitmap = DirtyBitmap::create(0, 0x10000, 4096);
    REQUIRE(bitmap.ok());
    CHECK(device->reportDmaLog(**bitmap).ok());
    REQUIRE(device.set(v2::kStop) == 0);
    CHECK(device->reportDmaLog(**bitmap).ok() == (personality == Personality::kMlx5));
  }
}

TEST_CASE("pds: in its error state every state change is EIO, until a reset") {
  BenchDevice device(like(Personality::kPds));
  REQUIRE(device.set(v2::kStop) == 0);
  REQUIRE(*device->happen(EventKind::kError));
  CHECK_FALSE(*device->happen(EventKind::kError));
  for (uint32_t state : {v2::kError, v2::kStop, v2::kRunning, v2::kStopCopy, v2::kResuming})
    CHECK(device.set(state) == EIO);
  CHECK(device.state() == v2::kError);
  REQUIRE(device->reset().ok());
  CHECK(device.set(v2::kStop) == 0);
}

TEST_CASE("pds: running, it enters the error state by itself only while it logs, and then the log is off") {
  BenchDevice device(like(Personality::kPds));
  CHECK_FALSE(*device->happen(EventKind::kError));
  CHECK(device.state() == v2::kRunning);
  REQUIRE(device->startDmaLog({{0, 0xffff}}, 4096).ok());
  CHECK(*device->happen(EventKind::kError));
  CHECK(device.state() == v2::kError);
  REQUIRE(device->reset().ok());
  CHECK(device->startDmaLog({{0, 0xffff}}, 4096).ok());
}

TEST_CASE("pds: an error in the middle of a save ends its session") {
  SimulatedOptions options = like(Personality::kPds);
  options.events = {{EventKind::kError, std::nullopt, Operation::kRead, "", 2}};
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  uint8_t buffer[64];
  CHECK(session->read({buffer, 64}).ok());
  CHECK(session->read({buffer, 64}).failure().error == ENODEV);
  CHECK(device.state() == v2::kError);
}
