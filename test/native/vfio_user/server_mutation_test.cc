// SPDX-License-Identifier: MIT
// Sixty thousand messages that are wrong in some way, from one seed: the server answers or hangs up, and
// loses nothing.
#include <dirent.h>

#include <fstream>
#include <random>

#include "simulated/bench_device.h"
#include "vfio_user/raw_client.h"
#include "vfio_user/transcript.h"

using namespace raw;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMessages = 6'000;  // a sanitizer makes each of them many times as slow
#else
constexpr int kMessages = 60'000;
#endif

// What clients of the transcripts send, message by message, VERSION left out.
std::vector<Bytevector> corpus() {
  std::vector<Bytevector> messages;
  for (const char* name :
       {"server-device.txt", "server-dma.txt", "server-migration-v1.txt", "server-migration-v2.txt"}) {
    Bytevector stream;
    for (const auto& step :
         transcript::read(std::string(VFM_SOURCE_DIR) + "/test/fixtures/vfio-user/" + name)) {
      if (step.kind != transcript::Step::Kind::kSend) continue;
      for (const auto& byte : step.bytes.bytes) stream.push_back(byte.value());
    }
    for (size_t at = 0; at + 16 <= stream.size();) {
      uint32_t size = 0;
      std::memcpy(&size, stream.data() + at + 4, 4);
      if (size < 16 || size > stream.size() - at) break;
      Bytevector message(stream.begin() + static_cast<long>(at),
                         stream.begin() + static_cast<long>(at + size));
      if (message[2] != 1) messages.push_back(std::move(message));
      at += size;
    }
  }
  return messages;
}

size_t openDescriptors() {
  size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

size_t residentKilobytes() {
  std::ifstream status("/proc/self/statm");
  size_t total = 0, resident = 0;
  status >> total >> resident;
  return resident * 4;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed), corpus_(corpus()) { REQUIRE(corpus_.size() > 150); }

  uint64_t below(uint64_t limit) { return random_() % limit; }

  // With its size field right in all but a few: those end the connection at once.
  Bytevector next() {
    Bytevector message = corpus_[below(corpus_.size())];
    for (uint64_t rounds = below(4); rounds > 0; --rounds) mutate(message);
    if (message.size() < 16) message.resize(16);
    auto size = static_cast<uint32_t>(message.size());
    if (below(200) == 0) size = static_cast<uint32_t>(random_());
    std::memcpy(message.data() + 4, &size, 4);
    return message;
  }

 private:
  void mutate(Bytevector& message) {
    const size_t payload = message.size() - 16;
    switch (below(7)) {
      case 0:
        message[below(message.size())] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:  // a number of the payload becomes a telling one
        if (payload >= 8) {
          const uint64_t telling[] = {0,          1,          7,          8,       0x1000, 0xfff,
                                      UINT32_MAX, UINT64_MAX, 1ull << 63, 1 << 20, 0x10001};
          const uint64_t value = telling[below(11)];
          const size_t width = below(2) == 0 ? 4 : 8;
          const size_t at = 16 + below((payload - width) / 4 + 1) * 4;
          std::memcpy(message.data() + at, &value, width);
        }
        break;
      case 2:
        message.resize(16 + below(payload + 1));
        break;
      case 3:
        message.resize(message.size() + below(64));
        break;
      case 4:
        message[2] = static_cast<uint8_t>(below(20));
        break;
      case 5:
        message[8] ^= 0x10;  // NO_REPLY
        break;
      case 6: {
        const Bytevector& other = corpus_[below(corpus_.size())];
        message.insert(message.end(), other.begin() + 16, other.end());
        if (message.size() > 4096) message.resize(4096);
        break;
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<Bytevector> corpus_;
};

// Takes whatever the server says, without caring. False: it has closed.
bool takeAll(int fd) {
  static Bytevector buffer(1 << 16);
  for (;;) {
    iovec piece{buffer.data(), buffer.size()};
    msghdr header{};
    alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))];
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
      for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int received;
        std::memcpy(&received, CMSG_DATA(part) + i * sizeof received, sizeof received);
        ::close(received);
      }
    }
  }
}

// How many connections it took.
int storm(const std::shared_ptr<Device>& device, Mutator& mutator, int messages) {
  vfio_user::ServeOptions options;
  options.stall = vfio_user::Milliseconds(2000);
  options.dmaReply = vfio_user::Milliseconds(5);
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  const UniqueFd memory = memoryFile(65536, true);
  const UniqueFd loose = memoryFile(65536, false);
  int connections = 0;
  while (messages > 0) {
    ++connections;
    options.strict = mutator.below(4) == 0;
    Client client(device, options);
    if (mutator.below(2) == 0) {
      client.send(version(R"({"capabilities":{"write_multiple":true}})"));
    } else {
      client.send(version(R"({"capabilities":{"twin_socket":{"supported":true}}})"));
    }
    for (uint64_t left = 1 + mutator.below(2000); left > 0 && messages > 0; --left, --messages) {
      std::vector<int> descriptors;
      if (mutator.below(4) == 0) {
        const int all[] = {event.get(), memory.get(), loose.get(), client.fd()};
        for (uint64_t i = mutator.below(4); i > 0; --i) descriptors.push_back(all[mutator.below(4)]);
        if (mutator.below(300) == 0) descriptors.assign(40, event.get());
      }
      if (!client.send(mutator.next(), descriptors) || !takeAll(client.fd())) break;
    }
    // Somewhere in the middle of a message, half of the time.
    if (mutator.below(2) == 0) client.send(Bytevector(1 + mutator.below(15), 0));
    // Whatever is on its way is read, so that the server does not have to wait for its stall.
    client.leave();
  }
  return connections;
}

}  // namespace

TEST_CASE("sixty thousand mutated messages: no crash, no hang, no descriptor and no memory lost") {
  Mutator mutator(0x76666d);
  std::vector<std::shared_ptr<Device>> devices;
  for (const auto& options : {bench::v2Options(64 << 10), bench::v1Options(DataSection::kMapped, 64 << 10)}) {
    auto device = openSimulated(options);
    REQUIRE(device.ok());
    devices.push_back(std::move(*device));
  }
  // Once, so that everything that is allocated once is.
  for (const auto& device : devices) storm(device, mutator, 1000);
  const size_t descriptors = openDescriptors();
  const size_t memory = residentKilobytes();
  int connections = 0;
  for (int round = 0; round < 10; ++round) {
    connections += storm(devices[static_cast<size_t>(round) % 2], mutator, kMessages / 10);
  }
  CHECK(connections > 20);
  CHECK(openDescriptors() == descriptors);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(residentKilobytes() < memory + 16 * 1024);
#endif
  static_cast<void>(memory);
  // And each can still be used.
  for (const auto& device : devices) {
    Client client(device, {});
    client.negotiate();
    CHECK(client.ask(13, {}).error() == 0);
    CHECK(client.ask(4, Build().u32(16).u32(0).u32(0).u32(0)).error() == 0);
  }
}
