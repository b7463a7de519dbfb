// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_device.h"

#include <sys/eventfd.h>

#include "core/device/bulk_access.h"
#include "vfio_user/model_server.h"

using namespace vfm;
using namespace vfm::vfio_user;
using vfm::test::Buffer;
using vfm::test::ModelServer;

namespace {

std::shared_ptr<ClientDevice> connected(ModelServer& server,
                                        const ClientOptions& options = ModelServer::quick()) {
  server.start();
  auto device = server.connect(options);
  if (!device) MESSAGE(device.failure().operation << ": " << device.failure().detail);
  REQUIRE(device.ok());
  return *device;
}

}  // namespace

TEST_CASE("a device is described from what was asked at the beginning, and not asked again") {
  ModelServer server;
  auto device = connected(server);
  const size_t asked = server.commands.size();
  CHECK(device->info()->regions == 9);
  CHECK(device->info()->irqs == 5);
  auto bar = device->regionInfo(0);
  REQUIRE(bar.ok());
  CHECK(bar->size == ModelServer::kBarBytes);
  REQUIRE(bar->mappable.size() == 1);
  CHECK(bar->mappable[0].offset == 0x1000);
  CHECK(bar->mappable[0].size == 0x2000);
  CHECK(device->regionInfo(8)->size == 0);
  CHECK(device->irqInfo(4)->count == 4);
  CHECK_FALSE(device->regionInfo(9).ok());
  CHECK_FALSE(device->irqInfo(5).ok());
  CHECK(server.commands.size() == asked);
}

TEST_CASE("a mappable region without a descriptor is not mappable") {
  ModelServer server;
  server.withDescriptor = false;
  auto device = connected(server);
  CHECK(device->regionInfo(0)->mappable.empty());
  CHECK_FALSE(device->map(0, {0x1000, 0x1000}, Protection::kRead).ok());
  CHECK_FALSE(device->regionDescriptor(0).ok());
}

TEST_CASE("a register access is one message, a bulk one as many as the limits ask for") {
  ModelServer server;
  server.json = R"({"capabilities":{"max_data_xfer_size":4096}})";
  auto device = connected(server);
  size_t before = server.commands.size();
  REQUIRE(writeRegister(*device, 0, 8, 8, 0x1122334455667788).ok());
  CHECK(*readRegister(*device, 0, 8, 4) == 0x55667788);
  CHECK(server.commands.size() == before + 2);
  Buffer much(0x2800, 7);
  before = server.commands.size();
  REQUIRE(writeWhole(*device, 0, 0, ConstBytes{much.data(), much.size()}).ok());
  CHECK(server.commands.size() == before + 3);
  Buffer back(much.size());
  REQUIRE(readWhole(*device, 0, 0, Bytes{back.data(), back.size()}).ok());
  CHECK(back == much);
}

TEST_CASE("writes to a server that does not put messages together are of 32 KiB at most") {
  for (bool ours : {false, true}) {
    ModelServer server;
    if (ours) server.json = R"({"capabilities":{"reassembles":true}})";
    auto device = connected(server);
    CHECK(device->connection().writeChunk() == (ours ? 1u << 20 : 32u << 10));
    auto change = device->setMigrationState(4);
    REQUIRE(change.ok());
    const Buffer data(60'000, 3);
    auto written = change->session->write(ConstBytes{data.data(), data.size()});
    REQUIRE(written.ok());
    CHECK(*written == (ours ? data.size() : 32u << 10));
    server.stop();
    CHECK(server.loaded.size() == *written);
  }
}

TEST_CASE("access outside a region is refused before the server hears of it") {
  ModelServer server;
  auto device = connected(server);
  const size_t before = server.commands.size();
  uint8_t byte[8];
  for (uint64_t offset : {uint64_t{ModelServer::kBarBytes - 4}, UINT64_MAX - 3}) {
    auto read = device->readRegion(0, offset, Bytes{byte, 8});
    REQUIRE_FALSE(read.ok());
    CHECK(read.failure().reason == Reason::kInvalidArgument);
  }
  CHECK_FALSE(device->readRegion(7, 0, Bytes{byte, 1}).ok());
  CHECK(server.commands.size() == before);
}

TEST_CASE("a save reads to the end of each phase, whatever the padding of the answers") {
  ModelServer server;
  auto device = connected(server);
  const Buffer expected = server.saved;
  auto change = device->setMigrationState(6);
  REQUIRE(change.ok());
  REQUIRE(change->session);
  Buffer got;
  uint8_t room[30'000];
  auto outcome = change->session->read(Bytes{room, sizeof room});
  while (outcome.ok() && outcome->progress == Progress::kBytes) {
    got.insert(got.end(), room, room + outcome->bytes);
    outcome = change->session->read(Bytes{room, sizeof room});
  }
  REQUIRE(outcome.ok());
  CHECK(outcome->progress == Progress::kDrained);
  CHECK(got == expected);
  auto stopped = device->setMigrationState(3);
  REQUIRE(stopped.ok());
  CHECK_FALSE(stopped->session);
  outcome = change->session->read(Bytes{room, sizeof room});
  REQUIRE(outcome.ok());
  CHECK(outcome->progress == Progress::kEnd);
  REQUIRE(device->setMigrationState(2).ok());
  outcome = change->session->read(Bytes{room, sizeof room});
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.failure().error == ENODEV);
}

TEST_CASE("estimates that the protocol or the server lacks are unsupported") {
  ModelServer server;
  auto device = connected(server);
  auto change = device->setMigrationState(3);
  REQUIRE(change.ok());
  CHECK(change->session->precopyInfo().failure().reason == Reason::kUnsupported);
  CHECK(device->migrationDataSize().failure().reason == Reason::kUnsupported);
  CHECK(*device->migrationFlags() == 5);
}

TEST_CASE("the state that a device is in already is not asked for again") {
  ModelServer server;
  auto device = connected(server);
  auto change = device->setMigrationState(2);
  REQUIRE(change.ok());
  CHECK_FALSE(change->session);
  REQUIRE(device->setMigrationState(1).ok());
  CHECK(*device->migrationState() == 1);
}

TEST_CASE("a refused state change leaves the state and the session as they were") {
  ModelServer server;
  server.intercept = [](ModelServer& self, const Header& header, const Buffer& payload) {
    if (header.cmd != 16 || payload.size() < 12 || payload[4] != 2 || payload[6] != 2 || payload[8] != 5)
      return false;
    // The payload comes back with the error, as libvfio-user has it.
    self.reply(header, payload, {}, EINVAL);
    return true;
  };
  auto device = connected(server);
  auto change = device->setMigrationState(3);
  REQUIRE(change.ok());
  auto refused = device->setMigrationState(5);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().error == EINVAL);
  uint8_t room[16];
  CHECK(change->session->read(Bytes{room, sizeof room}).ok());
}

TEST_CASE("a stopped device is set to running before a reset, and one that stayed elsewhere after it") {
  ModelServer server;
  bool refuse = true;
  server.intercept = [&refuse](ModelServer& self, const Header& header, const Buffer&) {
    if (header.cmd != 13 || !refuse) return false;
    if (self.state == 1 || self.state == 3) {
      self.fail(header, EINVAL);
    } else {
      self.reply(header, {});  // and keeps the state
    }
    return true;
  };
  auto device = connected(server);
  for (uint32_t state : {1u, 3u, 4u}) {
    CAPTURE(state);
    auto change = device->setMigrationState(state);
    REQUIRE(change.ok());
    REQUIRE(device->reset().ok());
    CHECK(*device->migrationState() == 2);
    if (!change->session || state != 3) continue;
    uint8_t room[16];
    CHECK(change->session->read(Bytes{room, sizeof room}).failure().error == ENODEV);
  }
}

TEST_CASE("eventfds go in messages of as many as the server takes, one taken away in its own") {
  ModelServer server;
  server.json = R"({"capabilities":{"max_msg_fds":2}})";
  auto device = connected(server);
  std::vector<UniqueFd> events;
  for (int i = 0; i < 3; ++i) events.emplace_back(::eventfd(0, EFD_CLOEXEC));
  IrqRequest request{2, 1, IrqAction::kTrigger,
                     IrqDescriptors{events[0].get(), events[1].get(), events[2].get(), -1}};
  REQUIRE(device->setIrqs(request).ok());
  REQUIRE(device->setIrqs({2, 0, IrqAction::kTrigger, IrqsAll{0}}).ok());
  REQUIRE(device->setIrqs({2, 0, IrqAction::kMask, IrqsChosen{true, false}}).ok());
  server.stop();
  CHECK(server.irqDescriptors == std::vector<size_t>{2, 1, 0, 0, 0});
  REQUIRE(server.irqRequests.size() == 5);
  auto words = [&](size_t i) {
    std::vector<uint32_t> all;
    for (size_t word = 0; word < 5; ++word)
      all.push_back(vfm::test::at<uint32_t>(server.irqRequests[i], 4 * word));
    return all;
  };
  CHECK(words(0) == std::vector<uint32_t>{20, 0x24, 2, 1, 2});
  CHECK(words(1) == std::vector<uint32_t>{20, 0x24, 2, 3, 1});
  CHECK(words(2) == std::vector<uint32_t>{20, 0x24, 2, 4, 1});
  CHECK(words(3) == std::vector<uint32_t>{20, 0x21, 2, 0, 0});
  CHECK(words(4) == std::vector<uint32_t>{22, 0x0a, 2, 0, 2});
  CHECK(server.irqRequests[4][20] == 1);
  CHECK(server.irqRequests[4][21] == 0);
}

TEST_CASE("a mapping of a sealed file is memory, of any other an affair of pread and pwrite") {
  for (bool sealed : {true, false}) {
    CAPTURE(sealed);
    ModelServer server;
    server.sealing = sealed ? F_SEAL_SHRINK : 0;
    auto device = connected(server);
    auto mapping = device->map(0, {0x1000, 0x2000}, Protection::kReadWrite);
    REQUIRE(mapping.ok());
    CHECK((*mapping)->trusted() == sealed);
    CHECK(((*mapping)->data() != nullptr) == sealed);
    const uint8_t data[4] = {1, 2, 3, 4};
    REQUIRE((*mapping)->write(0x10, ConstBytes{data, 4}).ok());
    uint8_t back[4] = {};
    REQUIRE(::pread(server.memory(), back, 4, 0x1010) == 4);
    CHECK(std::memcmp(data, back, 4) == 0);
    std::memset(back, 0, 4);
    REQUIRE((*mapping)->read(0x10, Bytes{back, 4}).ok());
    CHECK(std::memcmp(data, back, 4) == 0);
    CHECK((*mapping)->read(0x1fff, Bytes{back, 2}).failure().reason == Reason::kInvalidArgument);
  }
}

TEST_CASE("a server that truncates its file causes an error, and no signal") {
  ModelServer server;
  server.sealing = 0;
  auto device = connected(server);
  auto mapping = device->map(0, {0x1000, 0x2000}, Protection::kReadWrite);
  REQUIRE(mapping.ok());
  REQUIRE(::ftruncate(server.memory(), 0x1800) == 0);
  uint8_t room[16] = {};
  CHECK((*mapping)->read(0x7f0, Bytes{room, 16}).ok());
  CHECK((*mapping)->read(0x7f8, Bytes{room, 16}).failure().reason == Reason::kMalformed);
  CHECK((*mapping)->write(0x1000, ConstBytes{room, 16}).failure().reason == Reason::kMalformed);
  CHECK(::lseek(server.memory(), 0, SEEK_END) == 0x1800);
  // And one that is too short from the start cannot be mapped.
  CHECK(device->map(0, {0x2000, 0x1000}, Protection::kRead).failure().reason == Reason::kMalformed);
}

TEST_CASE("the raw form of the migration state's SET is refused") {
  ModelServer server;
  auto device = connected(server);
  uint8_t payload[8] = {2, 0, 0, 0, 255, 255, 255, 255};
  CHECK(device->feature(2 | 1u << 17, Bytes{payload, 8}).failure().reason == Reason::kUnsupported);
  REQUIRE(device->feature(2 | 1u << 16, Bytes{payload, 8}).ok());
  CHECK(payload[0] == 2);
  CHECK(device->feature(9 | 1u << 18, {}).failure().error == ENOTTY);
}
