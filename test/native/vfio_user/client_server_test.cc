// SPDX-License-Identifier: MIT
// This project's client and server with each other, over a real socket: what DMA and interrupts do end to
// end.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "core/device/bulk_access.h"
#include "core/dma/address_table.h"
#include "core/vfio_user/client_device.h"
#include "core/vfio_user/server.h"
#include "vfio_user/bus_master.h"

using namespace vfm;
using namespace vfm::vfio_user;

namespace {

constexpr uint64_t kIova = 0x10000;
constexpr uint64_t kSize = 0x8000;

class Bench {
 public:
  explicit Bench(bool twinSocket) {
    REQUIRE(::mkdtemp(folder_));
    auto started = Server::start(served, path(), {});
    REQUIRE(started.ok());
    server_ = std::move(*started);
    ClientOptions options;
    options.twinSocket = twinSocket;
    auto opened = ClientDevice::open(path(), options);
    REQUIRE(opened.ok());
    device = std::move(*opened);
    auto allocated = DmaMemory::allocate(kSize, {});
    REQUIRE(allocated.ok());
    memory = std::move(*allocated);
  }
  ~Bench() {
    device.reset();
    server_.reset();
    ::rmdir(folder_);
  }
  void aim(uint64_t iova, uint64_t length) const {
    REQUIRE(put(0, iova).ok());
    REQUIRE(put(8, length).ok());
  }
  Status put(uint64_t offset, uint64_t value) const { return writeRegister(*device, 0, offset, 8, value); }

  std::shared_ptr<BusMaster> served = std::make_shared<BusMaster>();
  std::shared_ptr<ClientDevice> device;
  std::shared_ptr<AddressTable> space = std::make_shared<AddressTable>();
  std::shared_ptr<DmaMemory> memory;

 private:
  std::string path() const { return std::string(folder_) + "/s"; }

  char folder_[32] = "/tmp/vfm-client-XXXXXX";
  std::shared_ptr<Server> server_;
};

int errorOf(const Status& status) { return status ? 0 : status.failure().error; }

}  // namespace

TEST_CASE("a served device reaches what its client maps, as long as it is mapped, and no further") {
  for (bool twin : {false, true}) {
    CAPTURE(twin);
    Bench bench(twin);
    REQUIRE(bench.space->map(kIova, {bench.memory, 0, kSize}, Protection::kReadWrite).ok());
    REQUIRE(bench.device->attach(bench.space).ok());
    bench.aim(kIova + 0xffe, 4);
    REQUIRE(bench.put(16, 9).ok());
    CHECK(bench.memory->data()[0xffd] == 0);
    CHECK(bench.memory->data()[0xffe] == 9);
    CHECK(bench.memory->data()[0x1001] == 9);
    REQUIRE(bench.put(24, 0).ok());
    CHECK(*readRegister(*bench.device, 0, 32, 8) == 36);
    bench.aim(kIova + kSize - 1, 2);
    CHECK(errorOf(bench.put(16, 1)) == EFAULT);
    CHECK(*bench.space->unmap(kIova, kSize, nullptr) == kSize);
    bench.aim(kIova, 1);
    CHECK(errorOf(bench.put(16, 1)) == EFAULT);
    REQUIRE(bench.device->detach().ok());
  }
}

TEST_CASE("memory that is mapped for reading is not written by a served device") {
  Bench bench(true);
  REQUIRE(bench.device->attach(bench.space).ok());
  REQUIRE(bench.space->map(kIova, {bench.memory, 0, kSize}, Protection::kRead).ok());
  bench.memory->data()[0] = 5;
  bench.aim(kIova, 1);
  REQUIRE(bench.put(24, 0).ok());
  CHECK(*readRegister(*bench.device, 0, 32, 8) == 5);
  CHECK(errorOf(bench.put(16, 1)) == EFAULT);
  CHECK(bench.memory->data()[0] == 5);
}

TEST_CASE("what a served device writes is in the report of its log, and of its address space, once") {
  for (bool ofSpace : {false, true}) {
    CAPTURE(ofSpace);
    Bench bench(false);
    REQUIRE(bench.device->attach(bench.space).ok());
    REQUIRE(bench.space->map(kIova, {bench.memory, 0, kSize}, Protection::kReadWrite).ok());
    auto report = [&](DirtyBitmap& into) {
      return ofSpace ? bench.space->reportDirty(into) : bench.device->reportDmaLog(into);
    };
    if (ofSpace) {
      REQUIRE(bench.space->startDirtyTracking().ok());
    } else {
      auto started = bench.device->startDmaLog({IovaRange{kIova, kIova + kSize - 1}}, 4096);
      if (!started) MESSAGE(started.failure().operation << ": " << started.failure().detail);
      REQUIRE(started.ok());
    }
    bench.aim(kIova + 0x1fff, 2);
    REQUIRE(bench.put(16, 1).ok());
    auto bitmap = DirtyBitmap::create(kIova, kSize, 4096);
    REQUIRE(report(**bitmap).ok());
    CHECK((*bitmap)->words()[0] == 0b110);
    (*bitmap)->clear();
    REQUIRE(report(**bitmap).ok());
    CHECK((*bitmap)->dirtyPages() == 0);
    bench.aim(kIova + 0x7000, 1);
    REQUIRE(bench.put(16, 1).ok());
    if (ofSpace) {
      CHECK(*bench.space->unmap(kIova, kSize, bitmap->get()) == kSize);
      CHECK((*bitmap)->words()[0] == 0b1000'0000);
      REQUIRE(bench.space->stopDirtyTracking().ok());
    } else {
      REQUIRE(bench.device->stopDmaLog().ok());
    }
  }
}

TEST_CASE("interrupts of a served device signal its client's eventfds") {
  Bench bench(false);
  std::vector<UniqueFd> events;
  IrqDescriptors borrowed;
  for (int i = 0; i < 4; ++i) {
    events.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    borrowed.push_back(i == 1 ? -1 : events.back().get());
  }
  REQUIRE(bench.device->setIrqs({2, 0, IrqAction::kTrigger, borrowed}).ok());
  for (uint64_t vector = 0; vector < 4; ++vector) REQUIRE(bench.put(40, vector).ok());
  uint64_t count = 0;
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK((::read(events[i].get(), &count, sizeof count) == sizeof count) == (i != 1));
  }
  REQUIRE(bench.device->setIrqs({2, 0, IrqAction::kTrigger, IrqsAll{0}}).ok());
  CHECK_FALSE(bench.served->armed());
}

TEST_CASE("a client that closes leaves the server's device unmapped and disarmed") {
  auto served = std::make_shared<BusMaster>();
  {
    Bench bench(true);
    served = bench.served;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    REQUIRE(bench.device->attach(bench.space).ok());
    REQUIRE(bench.device->setIrqs({2, 0, IrqAction::kTrigger, IrqDescriptors{event.get()}}).ok());
    CHECK(served->armed());
  }
  CHECK_FALSE(served->armed());
}

TEST_CASE("this project's server is known to put messages together") {
  Bench bench(false);
  CHECK(bench.device->connection().writeChunk() == 1 << 20);
}
