// SPDX-License-Identifier: MIT
// DMA of a served device into its client's memory, and its interrupts.
#include "vfio_user/bus_master.h"
#include "vfio_user/raw_client.h"

using namespace raw;

namespace {

constexpr uint16_t kMap = 2, kUnmap = 3, kSetIrqs = 8, kRead = 9, kWrite = 10;

Bytevector map(uint64_t iova, uint64_t size, uint32_t flags = 3, uint64_t offset = 0) {
  return Build().u32(32).u32(flags).u64(offset).u64(iova).u64(size);
}

struct Bench {
  std::shared_ptr<BusMaster> device = std::make_shared<BusMaster>();
  vfio_user::ServeOptions options;
  std::unique_ptr<Client> client;
  UniqueFd twin;

  explicit Bench(const std::string& json = "{}",
                 vfio_user::Milliseconds dmaReply = vfio_user::Milliseconds(10000)) {
    options.dmaReply = dmaReply;
    client = std::make_unique<Client>(device, options);
    Message reply = client->negotiate(json);
    if (!reply.descriptors.empty()) twin = std::move(reply.descriptors[0]);
  }
  int put(uint64_t offset, uint64_t value) const {
    return client->ask(kWrite, Build().u64(offset).u32(0).u32(8).u64(value)).error();
  }
  // Only asks; the reply comes once the device is done.
  void start(uint64_t offset, uint64_t value) const {
    REQUIRE(client->send(message(77, kWrite, Build().u64(offset).u32(0).u32(8).u64(value))));
  }
  uint64_t get(uint64_t offset) const {
    return client->ask(kRead, Build().u64(offset).u32(0).u32(8)).wide(32);
  }
  void aim(uint64_t iova, uint64_t length) const {
    REQUIRE(put(0, iova) == 0);
    REQUIRE(put(8, length) == 0);
  }
};

Bytevector contents(int fd, size_t offset, size_t size) {
  Bytevector bytes(size);
  REQUIRE(::pread(fd, bytes.data(), size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size));
  return bytes;
}

}  // namespace

TEST_CASE(
    "a served device writes and reads its client's memory by descriptor, sealed or not, across mappings") {
  Bench bench;
  const UniqueFd sealed = memoryFile(8192, true);
  const UniqueFd loose = memoryFile(12288, false);
  REQUIRE(bench.client->ask(kMap, map(0x10000, 8192), {sealed.get()}).error() == 0);
  REQUIRE(bench.client->ask(kMap, map(0x12000, 8192, 3, 4096), {loose.get()}).error() == 0);
  bench.aim(0x11ff0, 32);
  CHECK(bench.put(16, 5) == 0);
  CHECK(contents(sealed.get(), 8192 - 16, 16) == Bytevector(16, 5));
  CHECK(contents(loose.get(), 4096, 17) == [] {
    Bytevector bytes(17, 5);
    bytes[16] = 0;
    return bytes;
  }());
  CHECK(contents(loose.get(), 0, 16) == Bytevector(16, 0));
  CHECK(bench.put(24, 0) == 0);
  CHECK(bench.get(32) == 32 * 5);
  // Past the end of what is mapped: nothing moves.
  bench.aim(0x13ff0, 32);
  CHECK(bench.put(16, 9) == EFAULT);
  CHECK(contents(loose.get(), 12288 - 16, 16) == Bytevector(16, 0));
}

TEST_CASE("what its client maps for reading only, a served device does not write") {
  Bench bench;
  const UniqueFd memory = memoryFile(4096, true);
  REQUIRE(bench.client->ask(kMap, map(0, 4096, 1), {memory.get()}).error() == 0);
  bench.aim(0, 8);
  CHECK(bench.put(24, 0) == 0);
  CHECK(bench.put(16, 1) == EFAULT);
  REQUIRE(bench.client->ask(kUnmap, Build().u32(24).u32(0).u64(0).u64(4096)).error() == 0);
  CHECK(bench.put(24, 0) == EFAULT);
}

TEST_CASE("memory that its client cuts short is EFAULT to a served device, and no SIGBUS") {
  Bench bench;
  const UniqueFd loose = memoryFile(8192, false);
  REQUIRE(bench.client->ask(kMap, map(0, 8192), {loose.get()}).error() == 0);
  bench.aim(4096, 64);
  CHECK(bench.put(16, 1) == 0);
  REQUIRE(::ftruncate(loose.get(), 4096) == 0);
  CHECK(bench.put(16, 2) == EFAULT);
  CHECK(bench.put(24, 0) == EFAULT);
  struct stat file {};
  REQUIRE(::fstat(loose.get(), &file) == 0);
  CHECK(file.st_size == 4096);
}

TEST_CASE("memory without a descriptor is reached by messages, in the size that both sides take") {
  Bench bench(R"({"capabilities":{"max_data_xfer_size":4096}})");
  REQUIRE(bench.client->ask(kMap, map(0x4000, 16384)).error() == 0);
  bench.aim(0x4010, 6000);
  bench.start(24, 0);
  uint64_t at = 0x4010;
  for (uint64_t count : {4096u, 1904u}) {
    Message asked = bench.client->receive();
    CHECK(asked.isCommand());
    CHECK(asked.command() == 11);
    CHECK(asked.bytes.size() == 32);
    CHECK(asked.wide(16) == at);
    CHECK(asked.wide(24) == count);
    // Another request of the client's own comes in between: it is answered after this one.
    if (count == 1904) REQUIRE(bench.client->send(message(78, kRead, Build().u64(32).u32(0).u32(8))));
    REQUIRE(bench.client->send(
        message(asked.id(), 11, Build().u64(at).u64(count).bytes(Bytevector(count, 2)), 1)));
    at += count;
  }
  Message done = bench.client->receive();
  CHECK(done.id() == 77);
  CHECK(done.error() == 0);
  Message sum = bench.client->receive();
  CHECK(sum.id() == 78);
  CHECK(sum.wide(32) == 12000);

  bench.aim(0x4010, 8);
  bench.start(16, 7);
  Message asked = bench.client->receive();
  CHECK(asked.command() == 12);
  CHECK(Bytevector(asked.bytes.begin() + 32, asked.bytes.end()) == Bytevector(8, 7));
  // The client refuses: that is what the device's access ends with.
  REQUIRE(bench.client->send(Build().u16(asked.id()).u16(12).u32(16).u32(0x21).u32(EPERM)));
  CHECK(bench.client->receive().error() == EPERM);
}

TEST_CASE("a twin socket carries the device's requests and their replies, and the main one none of them") {
  Bench bench(R"({"capabilities":{"twin_socket":{"supported":true}}})");
  REQUIRE(bench.twin.valid());
  REQUIRE(bench.client->ask(kMap, map(0, 4096)).error() == 0);
  bench.aim(0, 16);
  bench.start(16, 3);
  Message asked = Client::receiveOn(bench.twin.get());
  CHECK(asked.command() == 12);
  // On the main socket such a reply counts for nothing.
  REQUIRE(bench.client->send(Build().u16(asked.id()).u16(12).u32(16).u32(0x21).u32(EPERM)));
  REQUIRE(Client::sendOn(bench.twin.get(), message(asked.id(), 12, Build().u64(0).u64(16), 1)));
  CHECK(bench.client->receive().error() == 0);
}

TEST_CASE("a client that never answers, or nonsense, fails the device's access and nothing else") {
  for (int wrong = 0; wrong < 5; ++wrong) {
    CAPTURE(wrong);
    Bench bench("{}", vfio_user::Milliseconds(wrong == 0 ? 50 : 10000));
    REQUIRE(bench.client->ask(kMap, map(0, 4096)).error() == 0);
    bench.aim(0, 16);
    bench.start(24, 0);
    const Message asked = bench.client->receive();
    const Bytevector data(16, 1);
    if (wrong == 1) bench.client->send(message(asked.id(), 12, Build().u64(0).u64(16).bytes(data), 1));
    if (wrong == 2) bench.client->send(message(asked.id(), 11, Build().u64(8).u64(16).bytes(data), 1));
    if (wrong == 3) bench.client->send(message(asked.id(), 11, Build().u64(0).u64(16), 1));
    if (wrong == 4) bench.client->send(message(asked.id(), 11, Build().u32(0), 1));
    CHECK(bench.client->receive().error() == EIO);
    CHECK(bench.get(0) == 0);
  }
}

TEST_CASE("a client that goes while the device waits for it leaves the device free, unmapped and disarmed") {
  Bench bench;
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  REQUIRE(bench.client->ask(kMap, map(0, 4096)).error() == 0);
  REQUIRE(
      bench.client->ask(kSetIrqs, Build().u32(20).u32(4 | 32).u32(2).u32(1).u32(1), {event.get()}).error() ==
      0);
  CHECK(bench.device->armed());
  bench.aim(0, 16);
  bench.start(24, 0);
  REQUIRE(bench.client->receive().isCommand());
  bench.client->leave();
  CHECK((bench.device->addressSpace() == nullptr));
  CHECK_FALSE(bench.device->armed());
}

TEST_CASE("the device is attached again to what it was attached to before its client") {
  Bench bench;
  auto mine = std::make_shared<vfio_user::PeerAddressSpace>(nullptr, 1);
  bench.client->leave();
  REQUIRE(bench.device->attach(mine).ok());
  bench.client = std::make_unique<Client>(bench.device, bench.options);
  bench.client->negotiate();
  CHECK_FALSE((bench.device->addressSpace() == mine));
  bench.client->leave();
  CHECK((bench.device->addressSpace() == mine));
}

TEST_CASE("pages that a served device writes are reported once, when somebody logs them") {
  Bench bench;
  const UniqueFd memory = memoryFile(65536, true);
  REQUIRE(bench.client->ask(kMap, map(0x10000, 65536), {memory.get()}).error() == 0);
  auto& device = *bench.device;
  auto space = device.addressSpace();
  REQUIRE(space->startDirtyTracking().ok());
  bench.aim(0x11fff, 2);
  REQUIRE(bench.put(16, 1) == 0);
  bench.aim(0x1f000, 8);
  REQUIRE(bench.put(16, 1) == 0);
  auto bitmap = DirtyBitmap::create(0x10000, 65536, 4096);
  REQUIRE(bitmap.ok());
  REQUIRE(space->reportDirty(**bitmap).ok());
  CHECK((*bitmap)->words()[0] == 0x8006);
  (*bitmap)->clear();
  REQUIRE(space->reportDirty(**bitmap).ok());
  CHECK((*bitmap)->dirtyPages() == 0);
}

TEST_CASE("interrupts of a served device signal its client's eventfds, one for each") {
  Bench bench;
  const UniqueFd one(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const UniqueFd two(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto set = [&](uint32_t flags, uint32_t start, uint32_t count, const std::vector<int>& fds,
                       const Bytevector& more = {}) {
    return bench.client
        ->ask(kSetIrqs,
              Build()
                  .u32(static_cast<uint32_t>(20 + more.size()))
                  .u32(flags)
                  .u32(2)
                  .u32(start)
                  .u32(count)
                  .bytes(more),
              fds)
        .error();
  };
  uint64_t value = 0;
  REQUIRE(set(4 | 32, 1, 2, {one.get(), two.get()}) == 0);
  REQUIRE(bench.put(40, 2) == 0);
  CHECK(::read(two.get(), &value, 8) == 8);
  CHECK(::read(one.get(), &value, 8) < 0);
  // Too few, too many, beyond the last, and what is no eventfd.
  CHECK(set(4 | 32, 0, 2, {one.get()}) == EINVAL);
  CHECK(set(4 | 32, 0, 1, {one.get(), two.get()}) == EINVAL);
  CHECK(set(4 | 32, 3, 2, {one.get(), two.get()}) == EINVAL);
  const UniqueFd memory = memoryFile(4096, true);
  CHECK(set(4 | 32, 0, 1, {memory.get()}) == EINVAL);
  CHECK(set(4 | 32, 0, 2, {one.get(), bench.client->fd()}) == EINVAL);
  CHECK(set(1 | 32, 0, 1, {one.get()}) == EINVAL);
  CHECK(set(4 | 32, 0, 0, {}) == EINVAL);
  // None at all takes them away; bools and masks reach the device as they are.
  CHECK(set(4 | 32, 1, 1, {}) == 0);
  CHECK(std::get<IrqDescriptors>(bench.device->requests.back().data) == IrqDescriptors{-1});
  CHECK(set(2 | 8, 0, 3, {}, {1, 0, 1}) == 0);
  CHECK(bench.device->requests.back().action == IrqAction::kMask);
  CHECK(std::get<IrqsChosen>(bench.device->requests.back().data) == IrqsChosen{true, false, true});
  CHECK(set(2 | 8, 0, 3, {}, {1, 0}) == EINVAL);
  CHECK(set(1 | 16, 0, 4, {}) == 0);
  CHECK(std::get<IrqsAll>(bench.device->requests.back().data).count == 4);
  CHECK(set(1 | 32, 0, 0, {}) == 0);
  CHECK_FALSE(bench.device->armed());
}

TEST_CASE("a client has no more mappings than there may be") {
  auto device = std::make_shared<BusMaster>();
  vfio_user::ServeOptions options;
  options.maxDmaMaps = 3;
  Client client(device, options);
  client.negotiate();
  for (uint64_t i = 0; i < 3; ++i) CHECK(client.ask(kMap, map(i * 8192, 4096)).error() == 0);
  CHECK(client.ask(kMap, map(0x100000, 4096)).error() == ENOSPC);
  CHECK(client.ask(kMap, map(0, 4096)).error() == 0);  // there already
  CHECK(client.ask(kUnmap, Build().u32(24).u32(0).u64(0).u64(4096)).error() == 0);
  CHECK(client.ask(kMap, map(0x100000, 4096)).error() == 0);
}
