// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_connection.h"

#include "core/dma/address_table.h"
#include "vfio_user/model_server.h"

using namespace vfm;
using namespace vfm::vfio_user;
using vfm::test::append;
using vfm::test::Buffer;
using vfm::test::ModelServer;
using vfm::test::WireMessage;
using Clock = std::chrono::steady_clock;

namespace {

constexpr uint64_t kIova = 0x10000;

std::shared_ptr<ClientDevice> connected(ModelServer& server,
                                        const ClientOptions& options = ModelServer::quick()) {
  server.start();
  auto device = server.connect(options);
  REQUIRE(device.ok());
  return *device;
}

struct Table {
  std::shared_ptr<AddressTable> space = std::make_shared<AddressTable>();
  std::shared_ptr<DmaMemory> memory;

  explicit Table(Protection protection = Protection::kReadWrite, uint64_t pages = 4) {
    auto allocated = DmaMemory::allocate(pages * 4096, {});
    REQUIRE(allocated.ok());
    memory = *allocated;
    REQUIRE(space->map(kIova, {memory, 0, memory->size()}, protection).ok());
  }
};

WireMessage dmaRequest(Command command, uint16_t id, uint64_t address, uint64_t count,
                       const Buffer& data = {}) {
  WireMessage message;
  append(message.bytes,
         Header{id, static_cast<uint16_t>(command), static_cast<uint32_t>(32 + data.size()), 0, 0});
  append(message.bytes, address);
  append(message.bytes, count);
  message.bytes.insert(message.bytes.end(), data.begin(), data.end());
  return message;
}

// A request of the server's in the middle of the client's register read: what the client answered to it.
struct Interlude {
  Header header{};
  Buffer payload;
};
Interlude ask(ModelServer& server, ClientDevice& device, const WireMessage& message) {
  Interlude answered;
  std::atomic<bool> asked{false};
  Header waiting{};
  Buffer waitingPayload;
  server.intercept = [&](ModelServer& self, const Header& header, const Buffer& payload) {
    if ((header.flags & kFlagTypeMask) == kFlagReply) {
      answered = {header, payload};
      self.reply(waiting, [&] {
        Buffer out(waitingPayload.begin(), waitingPayload.begin() + 16);
        out.resize(20);
        return out;
      }());
      return true;
    }
    if (header.cmd != 9 || asked.exchange(true)) return false;
    waiting = header;
    waitingPayload = payload;
    self.send({message});
    return true;
  };
  uint8_t room[4];
  auto read = device.readRegion(0, 0, Bytes{room, 4});
  CHECK(read.ok());
  server.intercept = nullptr;
  return answered;
}

}  // namespace

TEST_CASE("a server that never answers is given up after the time-out, and the connection with it") {
  ModelServer server;
  auto device = connected(server, ModelServer::quick(500));
  server.intercept = [](ModelServer&, const Header&, const Buffer&) { return true; };
  uint8_t room[4];
  const auto before = Clock::now();
  auto read = device->readRegion(0, 0, Bytes{room, 4});
  CHECK(Clock::now() - before < std::chrono::seconds(5));
  REQUIRE_FALSE(read.ok());
  CHECK(read.failure().reason == Reason::kTimedOut);
  CHECK(read.failure().error == ETIMEDOUT);
  auto again = device->migrationState();
  REQUIRE_FALSE(again.ok());
  CHECK(again.failure().reason == Reason::kDisconnected);
  CHECK(again.failure().detail.find("REGION_READ") != std::string::npos);
}

TEST_CASE("the clock of a request does not run while an older one is outstanding") {
  ModelServer server;
  ClientOptions options = ModelServer::quick(500);
  options.stateTimeout = Milliseconds(20000);
  auto device = connected(server, options);
  server.intercept = [](ModelServer&, const Header& header, const Buffer& payload) {
    if (header.cmd == 16 && payload.size() >= 12 && payload[6] == 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    }
    return false;
  };
  std::thread change([&] { CHECK(device->setMigrationState(3).ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  uint8_t room[4];
  CHECK(device->readRegion(0, 0, Bytes{room, 4}).ok());
  change.join();
}

TEST_CASE("a server that goes away fails what waits and what comes later") {
  ModelServer server;
  auto device = connected(server);
  server.intercept = [](ModelServer& self, const Header&, const Buffer&) {
    ::shutdown(self.socket(), SHUT_RDWR);
    return true;
  };
  for (int i = 0; i < 2; ++i) {
    auto state = device->migrationState();
    REQUIRE_FALSE(state.ok());
    CHECK(state.failure().reason == Reason::kDisconnected);
  }
}

TEST_CASE("replies that nobody asked for end the connection") {
  const std::function<void(Header&)> wrongs[] = {
      [](Header& header) { header.msg_id += 1; }, [](Header& header) { header.cmd = 10; },
      [](Header& header) { header.flags = 2; }, [](Header& header) { header.msg_size = 15; }};
  for (const auto& wrong : wrongs) {
    ModelServer server;
    auto device = connected(server);
    server.spoil = [&](std::vector<WireMessage>& messages) {
      Header header;
      std::memcpy(&header, messages[0].bytes.data(), sizeof header);
      wrong(header);
      std::memcpy(messages[0].bytes.data(), &header, sizeof header);
      return true;
    };
    uint8_t room[4];
    auto read = device->readRegion(0, 0, Bytes{room, 4});
    REQUIRE_FALSE(read.ok());
    CHECK(read.failure().reason == Reason::kMalformed);
  }
}

TEST_CASE("an answer too short or too long for its question ends the connection") {
  for (size_t size : {0u, 15u, 21u}) {
    ModelServer server;
    auto device = connected(server);
    server.intercept = [size](ModelServer& self, const Header& header, const Buffer&) {
      self.reply(header, Buffer(size));
      return true;
    };
    uint8_t room[4];
    CAPTURE(size);
    CHECK(device->readRegion(0, 0, Bytes{room, 4}).failure().reason == Reason::kMalformed);
  }
}

TEST_CASE("an answer that claims more data than it brought is refused") {
  ModelServer server;
  auto device = connected(server);
  auto change = device->setMigrationState(3);
  REQUIRE(change.ok());
  server.intercept = [](ModelServer& self, const Header& header, const Buffer&) {
    if (header.cmd != 17) return false;
    Buffer out;
    append(out, uint32_t{24});
    append(out, uint32_t{17});
    out.resize(24);
    self.reply(header, out);
    return true;
  };
  uint8_t room[64];
  CHECK(change->session->read(Bytes{room, 64}).failure().reason == Reason::kMalformed);
}

TEST_CASE("cancelling a session ends its wait, and the late answer harms nobody") {
  ModelServer server;
  auto device = connected(server);
  auto change = device->setMigrationState(3);
  REQUIRE(change.ok());
  std::atomic<bool> held{false};
  server.intercept = [&](ModelServer&, const Header& header, const Buffer&) {
    if (header.cmd == 17) {
      held = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2000));
    }
    return false;
  };
  std::thread other([&] {
    while (!held) std::this_thread::yield();
    change->session->cancel();
  });
  const auto before = Clock::now();
  uint8_t room[64];
  CHECK(change->session->read(Bytes{room, 64}).failure().reason == Reason::kCancelled);
  CHECK(Clock::now() - before < std::chrono::milliseconds(1500));
  other.join();
  CHECK(device->migrationState().ok());
}

TEST_CASE("cancelling a device ends its calls at once") {
  ModelServer server;
  auto device = connected(server);
  std::atomic<bool> held{false};
  server.intercept = [&](ModelServer&, const Header&, const Buffer&) { return held = true; };
  std::thread other([&] {
    while (!held) std::this_thread::yield();
    device->cancel();
  });
  CHECK(device->migrationState().failure().reason == Reason::kCancelled);
  other.join();
  CHECK(device->migrationState().failure().reason == Reason::kClosed);
}

TEST_CASE("the server reaches memory by messages while the client waits for an answer") {
  ModelServer server;
  auto device = connected(server);
  Table table;
  REQUIRE(device->attach(table.space).ok());
  table.memory->data()[0x1004] = 0x77;
  Interlude read = ask(server, *device, dmaRequest(Command::kDmaRead, 9, kIova + 0x1000, 8));
  CHECK(read.header.msg_id == 9);
  CHECK(read.header.flags == kFlagReply);
  REQUIRE(read.payload.size() == 24);
  CHECK(read.payload[20] == 0x77);
  Interlude written = ask(server, *device, dmaRequest(Command::kDmaWrite, 10, kIova + 0xfff, 3, {1, 2, 3}));
  CHECK(written.payload.size() == 16);
  CHECK(table.memory->data()[0xfff] == 1);
  CHECK(table.memory->data()[0x1001] == 3);
}

TEST_CASE("what the server may not reach is answered with an error, and the connection stays") {
  ModelServer server;
  auto device = connected(server);
  Interlude none = ask(server, *device, dmaRequest(Command::kDmaRead, 1, kIova, 8));
  CHECK(none.header.error_no == EFAULT);
  Table table(Protection::kRead);
  REQUIRE(device->attach(table.space).ok());
  CHECK(ask(server, *device, dmaRequest(Command::kDmaWrite, 2, kIova, 1, {1})).header.error_no == EFAULT);
  CHECK(ask(server, *device, dmaRequest(Command::kDmaRead, 3, kIova + 0x3fff, 2)).header.error_no == EFAULT);
  CHECK(ask(server, *device, dmaRequest(Command::kDmaRead, 4, UINT64_MAX, 2)).header.error_no == EINVAL);
  CHECK(ask(server, *device, dmaRequest(Command::kDmaRead, 5, kIova, 2u << 20)).header.error_no == EINVAL);
  CHECK(ask(server, *device, dmaRequest(Command::kDmaWrite, 6, kIova, 2, {1})).header.error_no == EINVAL);
  CHECK(ask(server, *device, dmaRequest(Command::kDmaRead, 7, kIova, 0)).header.error_no == EINVAL);
  const Interlude unknown = ask(server, *device, dmaRequest(Command::kRegionRead, 8, 0, 0));
  CHECK(unknown.header.flags == (kFlagReply | kFlagError));
  CHECK(unknown.payload.empty());
}

TEST_CASE("what is mapped is told to the server in order, before and after attaching") {
  ModelServer server;
  auto device = connected(server);
  Table table;
  REQUIRE(device->attach(table.space).ok());
  auto more = DmaMemory::allocate(4096, {});
  REQUIRE(more.ok());
  REQUIRE(table.space->map(0x80000, {*more, 0, 4096}, Protection::kRead).ok());
  REQUIRE(table.space->unmap(kIova, 4 * 4096, nullptr).ok());
  REQUIRE(device->detach().ok());
  REQUIRE(table.space->map(kIova, {table.memory, 0, 4096}, Protection::kRead).ok());
  server.stop();
  CHECK(server.mapped == std::vector<uint64_t>{kIova, 0x80000});
  const std::vector<uint16_t> last(server.commands.end() - 4, server.commands.end());
  CHECK(last == std::vector<uint16_t>{2, 2, 3, 3});
}

TEST_CASE("more mappings than the server takes are refused here") {
  ModelServer server;
  server.json = R"({"capabilities":{"max_dma_maps":1}})";
  auto device = connected(server);
  Table table;
  REQUIRE(device->attach(table.space).ok());
  Status second = table.space->map(0x80000, {table.memory, 0, 4096}, Protection::kReadWrite);
  REQUIRE_FALSE(second.ok());
  CHECK(second.failure().error == ENOSPC);
}

TEST_CASE("the log joins what the server says with what it had us write, and keeps what was not asked for") {
  ModelServer server;
  auto device = connected(server);
  Table table;
  REQUIRE(device->attach(table.space).ok());
  REQUIRE(*device->startDmaLog({IovaRange{kIova, kIova + 0x3fff}}, 65536) == 4096);
  CHECK(device->startDmaLog({IovaRange{kIova, kIova + 0x3fff}}, 4096).failure().error == EBUSY);
  ask(server, *device, dmaRequest(Command::kDmaWrite, 1, kIova + 0x3000, 1, {1}));
  auto part = DirtyBitmap::create(kIova, 0x1000, 4096);
  REQUIRE(device->reportDmaLog(**part).ok());
  CHECK((*part)->dirtyPages() == 0);
  auto whole = DirtyBitmap::create(kIova, 0x4000, 4096);
  REQUIRE(device->reportDmaLog(**whole).ok());
  CHECK((*whole)->words()[0] == 0b1010);
  REQUIRE(device->stopDmaLog().ok());
  CHECK_FALSE(device->reportDmaLog(**whole).ok());
}

TEST_CASE("DMA requests on a twin socket are answered there, and replies do not belong there") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd ours(ends[0]), theirs(ends[1]);
  ModelServer server;
  server.json = R"({"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}})";
  server.versionDescriptors = {theirs.get()};
  ClientOptions options = ModelServer::quick();
  options.twinSocket = true;
  auto device = connected(server, options);
  CHECK(device->connection().hasTwinSocket());
  theirs.reset();
  Table table;
  REQUIRE(device->attach(table.space).ok());
  ModelServer::sendRaw(ours.get(), dmaRequest(Command::kDmaRead, 3, kIova, 4));
  Header header;
  Buffer payload;
  size_t descriptors;
  REQUIRE(ModelServer::receive(ours.get(), header, payload, &descriptors));
  CHECK(header.msg_id == 3);
  CHECK(payload.size() == 20);
  WireMessage reply = dmaRequest(Command::kRegionRead, 4, 0, 0);
  reply.bytes[8] = 1;
  ModelServer::sendRaw(ours.get(), reply);
  CHECK_FALSE(ModelServer::receive(ours.get(), header, payload, &descriptors));
  CHECK(device->migrationState().failure().reason == Reason::kDisconnected);
}

TEST_CASE("a twin socket that is promised and does not come is refused") {
  ModelServer server;
  server.json = R"({"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}})";
  server.start();
  ClientOptions options = ModelServer::quick();
  options.twinSocket = true;
  auto device = server.connect(options);
  REQUIRE_FALSE(device.ok());
  CHECK(device.failure().reason == Reason::kMalformed);
}

TEST_CASE("a server of another version is refused") {
  for (uint32_t version : {0x0003'0000u, 0x0000'0001u}) {
    ModelServer server;
    server.intercept = [version](ModelServer& self, const Header& header, const Buffer&) {
      Buffer out;
      append(out, version);
      self.reply(header, out);
      return true;
    };
    server.start();
    auto device = server.connect();
    REQUIRE_FALSE(device.ok());
    CHECK(device.failure().reason == Reason::kVersion);
  }
}
