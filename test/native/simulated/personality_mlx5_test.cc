// SPDX-License-Identifier: MIT
// mlx5-vfio-pci's habits.
#include <chrono>
#include <thread>

#include "simulated/personality_bench.h"

using namespace bench;
using std::chrono::milliseconds;

namespace {

// The first pass of a pre-copy, read to where nothing is left.
std::unique_ptr<Session> preCopied(const BenchDevice& device, std::vector<uint8_t>& stream) {
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  REQUIRE(drain(*session, stream) == Progress::kDrained);
  return session;
}

int64_t since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("mlx5: the information has one of its two sizes, and asking is what saves the next image") {
  SimulatedOptions options = like(Personality::kMlx5);
  options.saveTime = 0;
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  auto info = session->precopyInfo();
  CHECK(info->initialBytes > kSmall);
  CHECK(info->dirtyBytes == 0);
  std::vector<uint8_t> stream(2 * 4096);
  REQUIRE(session->read({stream.data(), stream.size()})->bytes == stream.size());
  device.step();  // a page that was sent
  info = session->precopyInfo();
  CHECK(info->initialBytes > 0);
  CHECK(info->dirtyBytes == 0);
  REQUIRE(drain(*session, stream) == Progress::kDrained);

  const size_t before = stream.size();
  CHECK(drain(*session, stream) == Progress::kDrained);
  CHECK(stream.size() == before);  // nobody asked since
  info = session->precopyInfo();
  CHECK(info->initialBytes == 0);
  CHECK(info->dirtyBytes == 4096);
  device.step();
  CHECK(session->precopyInfo()->dirtyBytes == 2 * 4096);  // counts, and is not saved before the rest was read
  CHECK(drain(*session, stream) == Progress::kDrained);
  CHECK(stream.size() == before + 24 + 4096);
}

TEST_CASE("mlx5: PRE_COPY_P2P has no new bytes") {
  SimulatedOptions options = like(Personality::kMlx5);
  options.saveTime = 0;
  BenchDevice device(options);
  std::vector<uint8_t> stream;
  auto session = preCopied(device, stream);
  device.step();
  REQUIRE(device.set(v2::kPreCopyP2p) == 0);
  CHECK(session->precopyInfo()->dirtyBytes == 0);
  CHECK(drain(*session, stream) == Progress::kDrained);
  REQUIRE(device.set(v2::kPreCopy) == 0);
  CHECK(session->precopyInfo()->dirtyBytes == 4096);
}

TEST_CASE("mlx5: a read waits for the image being saved, and finds nothing for now while a round is") {
  SimulatedOptions options = like(Personality::kMlx5);
  options.saveTime = 60;
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  uint8_t buffer[512];
  auto start = std::chrono::steady_clock::now();
  REQUIRE(device.set(v2::kPreCopy, &session) == 0);
  CHECK(since(start) < 50);
  CHECK(session->read({buffer, 512})->bytes == 512);
  CHECK(since(start) >= 60);
  std::vector<uint8_t> stream;
  REQUIRE(drain(*session, stream) == Progress::kDrained);
  device.step();
  REQUIRE(session->precopyInfo()->dirtyBytes == 4096);
  start = std::chrono::steady_clock::now();
  CHECK(session->read({buffer, 512})->progress == Progress::kDrained);
  CHECK(since(start) < 50);
  std::this_thread::sleep_for(milliseconds(70));
  CHECK(session->read({buffer, 512})->bytes == 512);
  start = std::chrono::steady_clock::now();
  REQUIRE(device.set(v2::kStopCopy) == 0);
  CHECK(session->read({buffer, 512})->bytes == 512);
  CHECK(since(start) >= 60);
}

TEST_CASE("mlx5: chunks of 8 MiB come one after the other, two at most before they are read") {
  SimulatedOptions options = like(Personality::kMlx5);
  options.stateBytes = 20u << 20;
  options.saveTime = 50;
  BenchDevice device(options);
  std::unique_ptr<Session> session;
  REQUIRE(device.set(v2::kStopCopy, &session) == 0);
  std::vector<uint8_t> stream;
  const auto start = std::chrono::steady_clock::now();
  CHECK(drain(*session, stream, 1 << 20) == Progress::kEnd);
  CHECK(since(start) >= 150);
  CHECK(stream.size() > 20u << 20);
  CHECK(drain(*session, stream) == Progress::kEnd);  // the end waits for nothing
}

TEST_CASE("mlx5: a state change, a reset and the device's end wake a read that waits, with ENODEV") {
  for (int way = 0; way < 3; ++way) {
    CAPTURE(way);
    SimulatedOptions options = like(Personality::kMlx5);
    options.saveTime = 60'000;
    BenchDevice device(options);
    std::unique_ptr<Session> session;
    REQUIRE(device.set(v2::kStopCopy, &session) == 0);
    int error = 0;
    uint8_t buffer[16];
    std::thread reading([&] { error = session->read({buffer, 16}).failure().error; });
    std::this_thread::sleep_for(milliseconds(20));
    if (way == 0) REQUIRE(device.set(v2::kStop) == 0);
    if (way == 1) REQUIRE(device->reset().ok());
    if (way == 2) device->cancel();
    reading.join();
    CHECK(error == ENODEV);
  }
}

TEST_CASE(
    "mlx5: without its physical function every firmware command is ENOTCONN, and only files are closed") {
  SimulatedOptions options = like(Personality::kMlx5);
  std::vector<uint8_t> stream;
  {
    BenchDevice device(options);
    auto session = preCopied(device, stream);
    CHECK(*device->happen(EventKind::kPeerGone));
    CHECK(device.set(v2::kRunning) == ENOTCONN);
    CHECK(device.set(v2::kStopCopy) == ENOTCONN);
    CHECK(device.state() == v2::kPreCopy);
    CHECK(device->migrationDataSize().failure().error == ENOTCONN);
    CHECK(session->precopyInfo().failure().error == ENOTCONN);
    REQUIRE(device->reset().ok());
    CHECK(device.state() == v2::kRunning);
    CHECK(device.set(v2::kStop) == ENOTCONN);
  }
  {
    BenchDevice device(options);
    REQUIRE(device.set(v2::kStopCopy) == 0);
    CHECK(*device->happen(EventKind::kPeerGone));
    CHECK(device.set(v2::kStop) == 0);
    CHECK(device.set(v2::kResuming) == ENOTCONN);
  }
}

TEST_CASE("mlx5: a save that fails behind the user's back can be neither ended well nor given up") {
  BenchDevice device(like(Personality::kMlx5));
  std::vector<uint8_t> stream;
  CHECK_FALSE(*device->happen(EventKind::kSaveFails));  // none is in progress
  auto session = preCopied(device, stream);
  CHECK(*device->happen(EventKind::kSaveFails));
  uint8_t buffer[16];
  CHECK(session->read({buffer, 16}).failure().error == ENODEV);
  CHECK(session->precopyInfo().failure().error == ENODEV);
  for (int i = 0; i < 2; ++i) CHECK(device.set(v2::kRunning) == ENODEV);
  CHECK(device.set(v2::kStopCopy) == ENODEV);
  CHECK(device.state() == v2::kPreCopyP2p);
  CHECK(device.set(v2::kRunningP2p) == ENODEV);
  REQUIRE(device->reset().ok());
  CHECK(device.set(v2::kStopCopy) == 0);
}

TEST_CASE("mlx5: an abort that fails with EIO loses the session, and the next state change never returns") {
  BenchDevice device(like(Personality::kMlx5));
  std::vector<uint8_t> stream;
  auto session = preCopied(device, stream);
  CHECK(*device->happen(EventKind::kAbortFails));
  CHECK(device.set(v2::kRunning) == EIO);
  CHECK(device.state() == v2::kPreCopy);
  uint8_t buffer[16];
  CHECK(session->read({buffer, 16}).failure().error == ENODEV);
  int error = 0;
  std::thread again([&] { error = device.set(v2::kRunning); });
  std::this_thread::sleep_for(milliseconds(30));
  CHECK(error == 0);
  REQUIRE(device->reset().ok());
  again.join();
  CHECK(error == EIO);
  CHECK(device.state() == v2::kRunning);
  CHECK(device.set(v2::kStopCopy) == 0);
}

TEST_CASE("mlx5: a wrong record ends the load's file; leaving RESUMING looks at nothing") {
  auto stream = saveWhole(BenchDevice(like(Personality::kMlx5)));
  BenchDevice target(like(Personality::kMlx5, 0));
  std::unique_ptr<Session> session;
  REQUIRE(target.set(v2::kResuming, &session) == 0);
  auto unknown = stream;
  unknown[32] = 9;
  CHECK(feed(*session, unknown) == EOPNOTSUPP);
  CHECK(feed(*session, stream) == ENODEV);
  CHECK(target.set(v2::kRunning) == 0);

  REQUIRE(target.set(v2::kResuming, &session) == 0);
  CHECK(feed(*session, {stream.begin(), stream.begin() + 100'000}) == 0);
  CHECK(target.set(v2::kRunning) == 0);
  CHECK(target.memory() != expectedMemory(kSmall, true, 7, 0));

  REQUIRE(target.set(v2::kResuming, &session) == 0);
  CHECK(feed(*session, stream) == 0);
  CHECK(feed(*session, std::vector<uint8_t>(24, 0xff)) == EOPNOTSUPP);
  CHECK(target.set(v2::kRunning) == 0);  // loaded by then
  CHECK(target.memory() == expectedMemory(kSmall, true, 7, 0));
}
