// SPDX-License-Identifier: MIT
// A server that spoils what it sends, in every way a seed can think of: whatever arrives, the client answers
// or fails, within its time-outs, and keeps no descriptor.
#include <dirent.h>
#include <sys/eventfd.h>

#include <random>

#include "core/dma/address_table.h"
#include "vfio_user/model_server.h"

using namespace vfm;
using namespace vfm::vfio_user;
using vfm::test::Buffer;
using vfm::test::ModelServer;
using vfm::test::WireMessage;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kMessages = 5'000;  // a sanitizer makes each of them many times as slow
#else
constexpr size_t kMessages = 50'000;
#endif
constexpr uint32_t kSeed = 20261124;
constexpr uint64_t kIova = 0x10000;

size_t openDescriptors() {
  size_t count = 0;
  DIR* all = ::opendir("/proc/self/fd");
  while (::readdir(all)) ++count;
  ::closedir(all);
  return count;
}

// Spoils each message with a chance of one in `odds`.
class Spoiler {
 public:
  Spoiler(uint32_t seed, uint32_t odds, int descriptor)
      : random_(seed), odds_(odds), descriptor_(descriptor) {}

  size_t spoiled() const { return spoiled_; }

  bool operator()(std::vector<WireMessage>& messages) {
    if (messages.empty() || below(odds_) != 0) return true;
    ++spoiled_;
    WireMessage& message = messages.back();
    Buffer& bytes = message.bytes;
    switch (below(12)) {
      case 0:  // bits, anywhere
        for (uint32_t i = 0; i <= below(4); ++i)
          bytes[below(bytes.size())] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:  // a byte of the header
        bytes[below(16)] = static_cast<uint8_t>(random_());
        break;
      case 2:  // a word of the payload
        if (bytes.size() >= 20) store(bytes, 16 + below((bytes.size() - 16) / 4) * 4, interesting());
        break;
      case 3:  // the size alone
        store(bytes, 4, interesting());
        break;
      case 4:  // cut off, and gone
        bytes.resize(below(bytes.size()));
        return false;
      case 5:  // shorter, and honest about it
        if (bytes.size() > 16) bytes.resize(16 + below(bytes.size() - 16));
        store(bytes, 4, static_cast<uint32_t>(bytes.size()));
        break;
      case 6:  // longer, and honest about it
        bytes.resize(bytes.size() + 1 + below(64), 0xa5);
        store(bytes, 4, static_cast<uint32_t>(bytes.size()));
        break;
      case 7:  // twice
        messages.push_back(message);
        break;
      case 8:  // descriptors nobody asked for
        message.descriptors.assign(1 + below(12), descriptor_);
        break;
      case 9:  // an error, or one that is none
        bytes[8] ^= 0x20;
        store(bytes, 12, interesting());
        break;
      case 10:  // a request in between
        messages.insert(messages.begin(), request());
        break;
      default: {  // garbage in between
        WireMessage garbage;
        garbage.bytes.resize(1 + below(64));
        for (uint8_t& byte : garbage.bytes) byte = static_cast<uint8_t>(random_());
        messages.insert(messages.begin(), garbage);
        return false;
      }
    }
    // Where more is promised than comes, most servers do not go on as if nothing were.
    return below(4) != 0;
  }

 private:
  uint32_t below(size_t limit) { return static_cast<uint32_t>(random_() % std::max<size_t>(limit, 1)); }
  uint32_t interesting() {
    constexpr uint32_t kWords[] = {0,  1,  7,  15,   16,         17,         31,
                                   32, 33, 64, 4096, 0x7fffffff, 0x80000000, 0xffffffff};
    return below(3) == 0 ? random_() : kWords[below(std::size(kWords))];
  }
  static void store(Buffer& bytes, size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, 4); }
  WireMessage request() {
    WireMessage message;
    const uint32_t data = below(64);
    vfm::test::append(message.bytes,
                      Header{static_cast<uint16_t>(below(8)), static_cast<uint16_t>(11 + below(2)), 32 + data,
                             below(4) == 0 ? 0x10u << below(2) : 0, 0});
    vfm::test::append(message.bytes, uint64_t{kIova + below(0x5000)});
    vfm::test::append(message.bytes, uint64_t{below(2) == 0 ? data : interesting()});
    message.bytes.resize(32 + data);
    return message;
  }

  std::mt19937 random_;
  uint32_t odds_;
  int descriptor_;
  size_t spoiled_ = 0;
};

// Everything a client does, once. Whether each call succeeds is not the question.
void useAll(ClientDevice& device, const std::shared_ptr<AddressTable>& space, int eventfd) {
  uint8_t room[256] = {};
  (void)device.info();
  (void)device.readRegion(0, 16, Bytes{room, 4});
  (void)device.writeRegion(0, 16, ConstBytes{room, 8});
  (void)device.setIrqs({2, 0, IrqAction::kTrigger, IrqDescriptors{eventfd, -1}});
  (void)device.attach(space);
  if (auto mapping = device.map(0, {0x1000, 0x1000}, Protection::kReadWrite)) {
    (void)(*mapping)->read(0, Bytes{room, sizeof room});
    (void)(*mapping)->write(0, ConstBytes{room, sizeof room});
  }
  (void)device.startDmaLog({IovaRange{kIova, kIova + 0x3fff}}, 4096);
  if (auto saving = device.setMigrationState(6); saving && saving->session) {
    for (int i = 0; i < 3; ++i) (void)saving->session->read(Bytes{room, sizeof room});
    (void)device.setMigrationState(3);
    (void)saving->session->read(Bytes{room, sizeof room});
  }
  auto bitmap = DirtyBitmap::create(kIova, 0x4000, 4096);
  (void)device.reportDmaLog(**bitmap);
  (void)device.stopDmaLog();
  (void)device.migrationState();
  if (auto loading = device.setMigrationState(4); loading && loading->session) {
    (void)loading->session->write(ConstBytes{room, sizeof room});
  }
  (void)device.reset();
  (void)device.detach();
}

}  // namespace

TEST_CASE("fifty thousand spoiled messages") {
  auto memory = DmaMemory::allocate(0x4000, {});
  REQUIRE(memory.ok());
  auto space = std::make_shared<AddressTable>();
  REQUIRE(space->map(kIova, {*memory, 0, 0x4000}, Protection::kReadWrite).ok());
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  const size_t before = openDescriptors();
  size_t spoiled = 0;
  size_t runs = 0;
  auto slowest = std::chrono::steady_clock::duration::zero();
  for (uint32_t seed = kSeed; spoiled < kMessages; ++seed, ++runs) {
    ModelServer server;
    server.saved.resize(1000);
    // In some runs everything is spoiled, in others little enough for the client to get far.
    Spoiler spoiler(seed, seed % 8 == 0 ? 1 : 2 + seed % 24, event.get());
    server.spoil = [&spoiler](std::vector<WireMessage>& messages) { return spoiler(messages); };
    server.start();
    const auto began = std::chrono::steady_clock::now();
    if (auto device = server.connect(ModelServer::quick(10))) useAll(**device, space, event.get());
    slowest = std::max(slowest, std::chrono::steady_clock::now() - began);
    server.stop();
    spoiled += spoiler.spoiled();
  }
  // A run is some 60 calls, but the first that times out is the last that waits.
  CHECK(slowest < std::chrono::seconds(20));
  CHECK(openDescriptors() == before);
  MESSAGE(spoiled << " messages in " << runs << " connections");
}
