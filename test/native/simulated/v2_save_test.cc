// SPDX-License-Identifier: MIT
// v2 saves and loads of a simulated device.
#include "simulated/bench_device.h"

using namespace bench;

namespace {

// Loads `stream` into a fresh device and leaves RESUMING. 0 or the errno of whichever step refused.
int load(const BenchDevice& target, const std::vector<uint8_t>& stream, size_t piece = 65536) {
  std::unique_ptr<Session> session;
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  REQUIRE(session);
  if (int error = feed(*session, stream, piece)) return error;
  return target.set(v2::kRunning);
}

std::vector<uint8_t> saved(const BenchDevice& source) {
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> stream;
  REQUIRE(drain(*session, stream) == Progress::kEnd);
  return stream;
}

}  // namespace

TEST_CASE("v2: a stop-and-copy carries memory and registers, and neither run count nor config space") {
  BenchDevice source(v2Options());
  REQUIRE(source.put<uint32_t>(0, 0x10, 0xfeed) == 0);
  for (int i = 0; i < 300; ++i) source.step();
  REQUIRE(source.put<uint16_t>(7, 4, 0x6) == 0);
  auto stream = saved(source);

  SimulatedOptions plain = v2Options();
  plain.seed.reset();
  BenchDevice target(plain);
  CHECK(load(target, stream) == 0);
  CHECK(target.state() == v2::kRunning);
  CHECK(target.scratch() == 0xfeed);
  CHECK(target.steps() == 300);
  CHECK(target.runCount() == 1);
  CHECK(target.read<uint32_t>(0, 0x18) == 7);
  CHECK(target.read<uint16_t>(7, 4) == 0);
  CHECK(target.memory() == expectedMemory(1 << 20, true, 7, 300));
}

TEST_CASE(
    "v2: pre-copy sends everything once, then what changed, under both drained conventions and any reading "
    "size") {
  for (auto convention : {DrainedConvention::kEnomsg, DrainedConvention::kZero}) {
    for (size_t piece : {7u, 4096u, 1u << 20}) {
      SimulatedOptions options = v2Options(256 << 10);
      options.drained = convention;
      BenchDevice source(options);
      std::unique_ptr<Session> session;
      REQUIRE(source.set(v2::kPreCopy, &session) == 0);
      REQUIRE(session);
      CHECK(session->precopyInfo()->initialBytes >= 256 << 10);
      CHECK(session->precopyInfo()->dirtyBytes == 0);
      std::vector<uint8_t> stream;
      CHECK(drain(*session, stream, piece) == Progress::kDrained);
      size_t first = stream.size();
      CHECK(session->precopyInfo()->initialBytes == 0);

      for (int i = 0; i < 5; ++i) source.step();
      CHECK(session->precopyInfo()->dirtyBytes == 5 * 4096);
      CHECK(drain(*session, stream, piece) == Progress::kDrained);
      CHECK(stream.size() == first + 24 + 5 * 4096);
      CHECK(session->precopyInfo()->dirtyBytes == 0);

      source.step();
      REQUIRE(source.put<uint32_t>(2, 100000, 0xabcdef) == 0);
      auto estimate = source->migrationDataSize();
      std::unique_ptr<Session> none;
      REQUIRE(source.set(v2::kStopCopy, &none) == 0);
      CHECK_FALSE(none);
      size_t before = stream.size();
      CHECK(drain(*session, stream, piece) == Progress::kEnd);
      CHECK(drain(*session, stream, piece) == Progress::kEnd);
      CHECK(stream.size() - before == *estimate + 2 * 24);  // two dirty pages apart: a record each

      BenchDevice target(v2Options(256 << 10));
      CHECK(load(target, stream, piece) == 0);
      auto expected = expectedMemory(256 << 10, true, 7, 6);
      uint32_t poked = 0xabcdef;
      std::memcpy(expected.data() + 100000, &poked, 4);
      CHECK(target.memory() == expected);
    }
  }
}

TEST_CASE("v2: pages that change while the first pass is under way arrive with their last contents") {
  BenchDevice source(v2Options(256 << 10));
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kPreCopy, &session) == 0);
  std::vector<uint8_t> stream;
  std::vector<uint8_t> buffer(5000);  // pages are cut in the middle
  for (int i = 0; i < 200; ++i) {
    source.step();
    auto outcome = session->read({buffer.data(), buffer.size()});
    REQUIRE(outcome.ok());
    stream.insert(stream.end(), buffer.begin(), buffer.begin() + static_cast<long>(outcome->bytes));
  }
  REQUIRE(source.set(v2::kStopCopy) == 0);
  CHECK(drain(*session, stream) == Progress::kEnd);
  BenchDevice target(v2Options(256 << 10));
  CHECK(load(target, stream) == 0);
  CHECK(target.memory() == expectedMemory(256 << 10, true, 7, 200));
}

TEST_CASE("v2: with rounds by information, changed pages wait for the ioctl, but not in STOP_COPY") {
  SimulatedOptions options = v2Options();
  options.roundsByInfo = true;
  BenchDevice source(options);
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kPreCopy, &session) == 0);
  std::vector<uint8_t> stream;
  CHECK(drain(*session, stream) == Progress::kDrained);
  source.step();
  size_t before = stream.size();
  CHECK(drain(*session, stream) == Progress::kDrained);
  CHECK(stream.size() == before);
  CHECK(session->precopyInfo()->dirtyBytes == 4096);
  CHECK(drain(*session, stream) == Progress::kDrained);
  CHECK(stream.size() == before + 4096 + 24);
  source.step();
  REQUIRE(source.set(v2::kStopCopy) == 0);
  CHECK(drain(*session, stream) == Progress::kEnd);
  BenchDevice target(v2Options());
  CHECK(load(target, stream) == 0);
  CHECK(target.steps() == 2);
}

TEST_CASE("v2: pre-copy information only in a pre-copy state; ENODEV on the session of an earlier save") {
  BenchDevice device(v2Options());
  std::unique_ptr<Session> first, second;
  REQUIRE(device.set(v2::kPreCopy, &first) == 0);
  CHECK(first->precopyInfo().ok());
  REQUIRE(device.set(v2::kPreCopyP2p) == 0);
  CHECK(first->precopyInfo().ok());
  REQUIRE(device.set(v2::kStopCopy) == 0);
  CHECK(first->precopyInfo().failure().error == EINVAL);
  REQUIRE(device->reset().ok());
  CHECK(first->precopyInfo().failure().error == EINVAL);
  REQUIRE(device.set(v2::kPreCopy, &second) == 0);
  CHECK(first->precopyInfo().failure().error == ENODEV);
  CHECK(second->precopyInfo().ok());
}

TEST_CASE("v2: a session that ended answers ENODEV: by a state change, a reset, the device's close") {
  uint8_t byte[16];
  for (int way = 0; way < 3; ++way) {
    for (uint32_t state : {v2::kStopCopy, v2::kResuming}) {
      BenchDevice device(v2Options());
      std::unique_ptr<Session> session;
      REQUIRE(device.set(state, &session) == 0);
      if (way == 0 && state == v2::kResuming) continue;  // left incomplete it stays
      if (way == 0) REQUIRE(device.set(v2::kStop) == 0);
      if (way == 1) REQUIRE(device->reset().ok());
      if (way == 2) device.device.reset();
      int error = state == v2::kResuming ? session->write({byte, 16}).failure().error
                                         : session->read({byte, 16}).failure().error;
      CHECK(error == ENODEV);
    }
  }
}

TEST_CASE("v2: sessions are one-way") {
  BenchDevice device(v2Options());
  std::unique_ptr<Session> session;
  uint8_t byte = 0;
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  CHECK(session->write({&byte, 1}).failure().error == EBADF);
  REQUIRE(device.set(v2::kResuming, &session) == 0);
  CHECK(session->read({&byte, 1}).failure().error == EBADF);
  CHECK(session->precopyInfo().failure().error == ENOTTY);
}

TEST_CASE("v2: an incomplete, foreign or damaged stream is refused, and RESUMING stays") {
  BenchDevice source(v2Options());
  auto stream = saved(source);
  BenchDevice target(v2Options());
  std::unique_ptr<Session> session;

  SUBCASE("nothing at all, or one byte short") {
    for (size_t missing : {stream.size(), size_t{1}}) {
      REQUIRE(target->reset().ok());
      REQUIRE(target.set(v2::kResuming, &session) == 0);
      CHECK(feed(*session, {stream.begin(), stream.end() - static_cast<long>(missing)}) == 0);
      CHECK(target.set(v2::kStop) == EINVAL);
      CHECK(target.state() == v2::kResuming);
      REQUIRE(target->reset().ok());
      CHECK(target.state() == v2::kRunning);
    }
  }
  SUBCASE("any damaged header byte") {
    for (size_t at : {0, 9, 13, 16, 23, 32, 40, 48}) {
      auto damaged = stream;
      damaged[at] ^= 0x41;
      REQUIRE(target->reset().ok());
      REQUIRE(target.set(v2::kResuming, &session) == 0);
      int error = feed(*session, damaged);
      CAPTURE(at);
      CHECK((error == EINVAL || target.set(v2::kStop) == EINVAL));
      CHECK(target.state() == v2::kResuming);
    }
  }
  SUBCASE("another size of device") {
    BenchDevice smaller(v2Options(512 << 10));
    CHECK(load(smaller, stream) == EINVAL);
  }
  SUBCASE("bytes after the end") {
    stream.push_back(0);
    CHECK(load(target, stream) == ENOMEM);
  }
}

TEST_CASE("v2: short reads and writes on demand") {
  SimulatedOptions options = v2Options();
  options.shortRead = 1000;
  options.shortWrite = 300;
  BenchDevice source(options), target(options);
  std::unique_ptr<Session> session;
  REQUIRE(source.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> buffer(1 << 20);
  CHECK(session->read({buffer.data(), buffer.size()})->bytes == 1000);
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  CHECK(*session->write({buffer.data(), 1000}) == 300);
}
