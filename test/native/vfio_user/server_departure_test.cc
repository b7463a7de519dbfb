// SPDX-License-Identifier: MIT
// Clients that go at every byte of a transcript, and such as do nothing but what is refused.
#include <dirent.h>

#include "simulated/bench_device.h"
#include "vfio_user/raw_client.h"
#include "vfio_user/transcript.h"

using namespace raw;
using transcript::Step;

namespace {

// What the first client of a transcript sends after its VERSION; its descriptors are left out.
Bytevector firstClient(const std::string& name) {
  Bytevector bytes;
  bool connected = false;
  for (const Step& step :
       transcript::read(std::string(VFM_SOURCE_DIR) + "/test/fixtures/vfio-user/" + name)) {
    if (step.kind == Step::Kind::kConnect && connected) break;
    connected = connected || step.kind == Step::Kind::kConnect;
    if (step.kind != Step::Kind::kSend) continue;
    for (const auto& byte : step.bytes.bytes) bytes.push_back(byte.value());
  }
  uint32_t version = 0;
  REQUIRE(bytes.size() > 500);
  std::memcpy(&version, bytes.data() + 4, 4);
  return Bytevector(bytes.begin() + version, bytes.end());
}

size_t openDescriptors() {
  size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

}  // namespace

TEST_CASE("a client may go at every byte of a transcript, and the next one finds a device that works") {
  for (const char* name :
       {"server-device.txt", "server-dma.txt", "server-migration-v1.txt", "server-migration-v2.txt"}) {
    CAPTURE(name);
    const bool v1 = std::string(name) == "server-migration-v1.txt";
    auto device =
        openSimulated(v1 ? bench::v1Options(DataSection::kMapped, 64 << 10) : bench::v2Options(64 << 10));
    REQUIRE(device.ok());
    const Bytevector bytes = firstClient(name);
    // Whole requests before the cut are done again and again, so that the first kilobyte is the most that is
    // worth it.
    const size_t end = std::min<size_t>(bytes.size(), 1200);
    const size_t descriptors = openDescriptors();
    for (size_t cut = 0; cut <= end; ++cut) {
      CAPTURE(cut);
      Client client(*device, {});
      client.negotiate();
      REQUIRE(client.send(Bytevector(bytes.begin(), bytes.begin() + static_cast<long>(cut))));
      const auto departure = client.leave().departure;
      REQUIRE_FALSE(departure.trouble.has_value());
      // Neither a save nor a load is left in progress.
      const uint32_t state = departure.left & (v1 ? 7u : ~0u);
      REQUIRE((v1 ? state <= 1 : state == 1 || state == 2));
    }
    CHECK(openDescriptors() == descriptors);
    Client client(*device, {});
    client.negotiate();
    CHECK(client.ask(13, {}).error() == 0);
    CHECK(client.ask(9, Build().u64(0).u32(0).u32(4)).at(32) == 0x316d6676);
  }
}

TEST_CASE("a client of nothing but refused requests is answered every time") {
  auto device = openSimulated(bench::v2Options(64 << 10));
  REQUIRE(device.ok());
  Client client(*device, {});
  client.negotiate();
  for (int i = 0; i < 20000; ++i) {
    if (client.ask(static_cast<uint16_t>(19 + i % 1000), Build().u32(0)).error() != EINVAL) FAIL(i);
  }
  CHECK(client.ask(13, {}).error() == 0);
  CHECK(client.leave().messages == 20001);
}
