// SPDX-License-Identifier: MIT
// Whole saves and loads through the server, and clients that go at any byte.
#include "simulated/bench_device.h"
#include "vfio_user/raw_client.h"

using namespace raw;

namespace {

constexpr uint16_t kFeature = 16, kDataRead = 17, kDataWrite = 18, kReset = 13;

int setState(const Client& client, uint32_t state) {
  return client.ask(kFeature, Build().u32(16).u32(2 | 1 << 17).u32(state).u32(~0u)).error();
}

std::shared_ptr<SimulatedDevice> open(const SimulatedOptions& options) {
  auto device = SimulatedDevice::open(options);
  REQUIRE(device.ok());
  return *device;
}

uint32_t stateOf(Device& device) {
  auto state = device.migrationState();
  REQUIRE(state.ok());
  return *state;
}

// Everything up to the end of this phase.
void readAll(const Client& client, Bytevector& into, uint32_t piece = 65536) {
  for (;;) {
    const Message reply = client.ask(kDataRead, Build().u32(8 + piece).u32(piece));
    REQUIRE(reply.error() == 0);
    const uint32_t size = reply.at(20);
    REQUIRE(reply.bytes.size() == 24 + piece);
    REQUIRE(reply.at(16) == 8 + size);
    if (size == 0) return;
    into.insert(into.end(), reply.bytes.begin() + 24, reply.bytes.begin() + 24 + size);
  }
}

int writeAll(const Client& client, const Bytevector& from, size_t piece = 32768) {
  for (size_t at = 0; at < from.size(); at += piece) {
    const Bytevector part(from.begin() + static_cast<long>(at),
                          from.begin() + static_cast<long>(std::min(from.size(), at + piece)));
    const auto size = static_cast<uint32_t>(part.size());
    if (int error = client.ask(kDataWrite, Build().u32(8 + size).u32(size).bytes(part)).error()) return error;
  }
  return 0;
}

}  // namespace

TEST_CASE(
    "a state goes out of one served device and into another, through pre-copy, and the memory is equal") {
  auto source = open(bench::v2Options(1 << 20));
  auto target = open(bench::v2Options(1 << 20));
  auto wrong = target->writeRegion(2, 0, ConstBytes{reinterpret_cast<const uint8_t*>("other"), 5});
  REQUIRE(wrong.ok());
  Bytevector stream;
  {
    Client client(source, {});
    client.negotiate();
    REQUIRE(setState(client, 6) == 0);
    readAll(client, stream);
    REQUIRE(setState(client, 3) == 0);
    readAll(client, stream);
    REQUIRE(setState(client, 1) == 0);
    CHECK(client.leave().departure.left == 1);
  }
  {
    Client client(target, {});
    client.negotiate();
    REQUIRE(setState(client, 4) == 0);
    REQUIRE(writeAll(client, stream) == 0);
    REQUIRE(setState(client, 1) == 0);
    REQUIRE(setState(client, 2) == 0);
    const auto end = client.leave();
    CHECK(end.departure.found == 2);
    CHECK_FALSE(end.departure.reset);
  }
  REQUIRE(source->setMigrationState(2).ok());
  Bytevector before(1 << 20), after(1 << 20);
  REQUIRE(source->readRegion(2, 0, {before.data(), before.size()}).ok());
  REQUIRE(target->readRegion(2, 0, {after.data(), after.size()}).ok());
  CHECK(before == after);
}

TEST_CASE("a client that goes at any byte of a save or a load leaves a device that the next one can use") {
  auto device = open(bench::v2Options(64 << 10));
  const Bytevector hello = version();
  for (const uint32_t state : {6u, 3u, 4u}) {
    const uint32_t expected = state == 3 ? 1 : 2;
    Bytevector whole = hello;
    auto add = [&](const Bytevector& more) { whole.insert(whole.end(), more.begin(), more.end()); };
    add(message(2, kFeature, Build().u32(16).u32(2 | 1 << 17).u32(state).u32(~0u)));
    const size_t entered = whole.size();
    add(state == 4 ? message(3, kDataWrite, Build().u32(12).u32(4).u32(7))
                   : message(3, kDataRead, Build().u32(40).u32(32)));
    for (size_t cut = 0; cut <= whole.size(); ++cut) {
      CAPTURE(state);
      CAPTURE(cut);
      Client client(device, {});
      const size_t first = std::min(cut, hello.size());
      REQUIRE(client.send(Bytevector(whole.begin(), whole.begin() + static_cast<long>(first))));
      // A client that does not wait for the answer may go unheard.
      if (cut >= hello.size()) REQUIRE(client.receive().error() == 0);
      REQUIRE(client.send(
          Bytevector(whole.begin() + static_cast<long>(first), whole.begin() + static_cast<long>(cut))));
      const auto end = client.leave();
      REQUIRE(end.negotiated == (cut >= hello.size()));
      const uint32_t now = stateOf(*device);
      REQUIRE(now == (cut >= entered ? expected : 2));
      if (cut >= entered) {
        REQUIRE(end.departure.found == state);
        REQUIRE(end.departure.left == now);
        REQUIRE(end.departure.reset == (state == 4));
      }
      REQUIRE(device->setMigrationState(2).ok());
    }
  }
}

TEST_CASE("a slow state change keeps nobody from noticing that the client has gone, and is waited for") {
  SimulatedOptions options = bench::v2Options(64 << 10);
  options.delays.push_back({Operation::kSetState, "resuming", 300});
  auto device = open(options);
  Client client(device, {});
  client.negotiate();
  REQUIRE(client.send(message(5, kFeature, Build().u32(16).u32(2 | 1 << 17).u32(4).u32(~0u))));
  const auto end = client.leave();
  CHECK(end.departure.found == 4);
  CHECK(end.departure.reset);
  CHECK(stateOf(*device) == 2);
}

TEST_CASE("a slow read of a save is given up when its client goes, or the server closes") {
  for (const bool closing : {false, true}) {
    SimulatedOptions options = bench::v2Options(64 << 10);
    options.delays.push_back({Operation::kRead, "", 600000});
    auto device = open(options);
    Client client(device, {});
    client.negotiate();
    REQUIRE(setState(client, 3) == 0);
    REQUIRE(client.send(message(5, kDataRead, Build().u32(40).u32(32))));
    ::usleep(20000);
    if (closing) client.connection().stop();
    const auto end = closing ? client.finish() : client.leave();
    CHECK(end.why == (closing ? "the server is closing" : ""));
    CHECK(stateOf(*device) == 1);
  }
}

TEST_CASE("what a client had sent whole before it went is still done") {
  auto device = open(bench::v2Options(64 << 10));
  Client client(device, {});
  client.negotiate();
  const uint32_t noReply = 0x10;
  for (uint32_t i = 1; i <= 100; ++i) {
    REQUIRE(client.send(message(2, 10, Build().u64(0x10).u32(0).u32(4).u32(i), noReply)));
  }
  client.leave();
  uint32_t scratch = 0;
  REQUIRE(device->readRegion(0, 0x10, {reinterpret_cast<uint8_t*>(&scratch), 4}).ok());
  CHECK(scratch == 100);
}

TEST_CASE("a reset ends the session, and data is refused after it") {
  auto device = open(bench::v2Options(64 << 10));
  Client client(device, {});
  client.negotiate();
  REQUIRE(setState(client, 3) == 0);
  CHECK(client.ask(kReset, {}).error() == 0);
  CHECK(client.ask(kDataRead, Build().u32(40).u32(32)).error() == EINVAL);
  CHECK(stateOf(*device) == 2);
}

TEST_CASE("a state change that fails halfway leaves the session only where the device still has one") {
  SimulatedOptions options = bench::v2Options(64 << 10);
  options.faults.push_back({Operation::kSetState, "stop-copy", EIO, 1, 1, FaultOutcome::kKeep});
  auto device = open(options);
  Client client(device, {});
  client.negotiate();
  REQUIRE(setState(client, 6) == 0);
  CHECK(setState(client, 3) == EIO);
  // As far as PRE_COPY_P2P, and its data still comes.
  CHECK(stateOf(*device) == 7);
  CHECK(client.ask(kDataRead, Build().u32(40).u32(32)).error() == 0);
}

TEST_CASE("a client that says nothing is let go, before VERSION and in the middle of a message") {
  auto device = open(bench::v2Options(64 << 10));
  vfio_user::ServeOptions options;
  options.handshake = options.stall = vfio_user::Milliseconds(50);
  Client silent(device, options);
  CHECK(silent.receive().closed);
  CHECK_FALSE(silent.finish().negotiated);
  Client stuck(device, options);
  stuck.negotiate();
  REQUIRE(stuck.send({1, 2, 3}));
  CHECK(stuck.receive().closed);
  CHECK(stuck.finish().negotiated);
  // One that has nothing to say for the moment stays.
  Client quiet(device, options);
  quiet.negotiate();
  ::usleep(200000);
  CHECK(quiet.ask(kReset, {}).error() == 0);
}

TEST_CASE("a client that never reads what it asks for is let go, and the device is free again") {
  auto device = open(bench::v2Options(4 << 20));
  vfio_user::ServeOptions options;
  options.stall = vfio_user::Milliseconds(100);
  Client client(device, options);
  client.negotiate();
  for (int i = 0; i < 8; ++i) {
    REQUIRE(client.send(message(2, 9, Build().u64(0).u32(2).u32(1 << 20))));
  }
  CHECK(client.finish().negotiated);
}

TEST_CASE("more descriptors than a message may have end the connection, and none of them stays open") {
  auto device = open(bench::v2Options(64 << 10));
  vfio_user::ServeOptions options;
  options.maxMessageDescriptors = 2;
  Client client(device, options);
  client.negotiate();
  int pair[2];
  REQUIRE(::pipe2(pair, O_CLOEXEC) == 0);
  UniqueFd reader(pair[0]);
  {
    const UniqueFd writer(pair[1]);
    REQUIRE(client.send(message(2, 8, Build().u32(20).u32(36).u32(0).u32(0).u32(3)),
                        {writer.get(), writer.get(), writer.get()}));
  }
  CHECK(client.receive().closed);
  client.finish();
  // The end of the pipe: nobody holds its other end any more.
  char byte;
  CHECK(::read(reader.get(), &byte, 1) == 0);
}
