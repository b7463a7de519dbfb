// SPDX-License-Identifier: MIT
// The data section of a v1 device whose mapping somebody else can take away.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/v1/data_section.h"

using namespace vfm;

namespace {

constexpr uint64_t kSize = 0x3000;

// Reachable by read() and write() only, and only up to `bytes.size()`.
class Withdrawn final : public Mapping {
 public:
  explicit Withdrawn(std::vector<uint8_t>& bytes) : Mapping(nullptr, 0x2000), bytes_(bytes) {}

 private:
  Status readUntrusted(uint64_t offset, Bytes into) const override {
    if (offset + into.size > bytes_.size()) return Failure::because(Reason::kMalformed, "mapping");
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), into.size, into.data);
    return {};
  }
  Status writeUntrusted(uint64_t offset, ConstBytes from) const override {
    if (offset + from.size > bytes_.size()) return Failure::because(Reason::kMalformed, "mapping");
    std::copy_n(from.data, from.size, bytes_.begin() + static_cast<ptrdiff_t>(offset));
    return {};
  }
  std::vector<uint8_t>& bytes_;
};

// A region whose messages carry 0x11 and whose mapping carries 0x22, so that it shows which way was taken.
class Server final : public Device {
 public:
  std::vector<uint8_t> mapped = std::vector<uint8_t>(0x2000, 0x22);
  std::vector<uint8_t> trapped = std::vector<uint8_t>(kSize, 0x11);
  int error = 0;  // of region accesses

  int descriptor() const override { return -1; }
  Result<DeviceInfo> info() override { return DeviceInfo{}; }
  Result<IrqInfo> irqInfo(uint32_t) override { return IrqInfo{}; }
  Result<RegionInfo> regionInfo(uint32_t) override {
    return RegionInfo{0, 7, kSize, 0, {Area{0x1000, 0x2000}}, RegionType{3, 1}, {}};
  }
  Status reset() override { return {}; }
  Result<size_t> readRegion(uint32_t, uint64_t offset, Bytes into) override {
    if (error != 0) return Failure::system(error, "vfio-user", "REGION_READ");
    std::copy_n(trapped.begin() + static_cast<ptrdiff_t>(offset), into.size, into.data);
    return into.size;
  }
  Result<size_t> writeRegion(uint32_t, uint64_t offset, ConstBytes from) override {
    if (error != 0) return Failure::system(error, "vfio-user", "REGION_WRITE");
    std::copy_n(from.data, from.size, trapped.begin() + static_cast<ptrdiff_t>(offset));
    return from.size;
  }
  Result<std::shared_ptr<Mapping>> map(uint32_t, Area, Protection) override {
    return std::shared_ptr<Mapping>(std::make_shared<Withdrawn>(mapped));
  }
  Result<uint64_t> migrationFlags() override { return Failure::system(ENOTTY, "", ""); }
  Result<uint32_t> migrationState() override { return Failure::system(ENOTTY, "", ""); }
  Result<StateChange> setMigrationState(uint32_t) override { return Failure::system(ENOTTY, "", ""); }
  Result<uint64_t> migrationDataSize() override { return Failure::system(ENOTTY, "", ""); }
  Status feature(uint32_t, Bytes) override { return Failure::system(ENOTTY, "", ""); }
};

V1DataSection sectionOf(const std::shared_ptr<Server>& server, DataPath path) {
  auto section = V1DataSection::open(server, *server->regionInfo(0), path);
  REQUIRE(section.ok());
  return std::move(*section);
}

}  // namespace

TEST_CASE("memory that can be taken away is no view, but its mapping is preferred") {
  auto server = std::make_shared<Server>();
  server->error = ENOTSUP;  // as SPDK answers to messages for the data
  const V1DataSection section = sectionOf(server, DataPath::kAuto);
  CHECK(section.view(0x1000, 16, nullptr) == nullptr);
  uint8_t bytes[16] = {};
  REQUIRE(section.copyOut(0x1000, Bytes{bytes, 16}).ok());
  CHECK(bytes[15] == 0x22);
  bytes[0] = 0x33;
  REQUIRE(section.copyIn(0x2ff0, ConstBytes{bytes, 16}).ok());
  CHECK(server->mapped[0x1ff0] == 0x33);
}

TEST_CASE("a mapping that fails is replaced by region access, unless the mapping was asked for") {
  auto server = std::make_shared<Server>();
  server->mapped.resize(0x1000);
  uint8_t bytes[16] = {};
  const V1DataSection any = sectionOf(server, DataPath::kAuto);
  REQUIRE(any.copyOut(0x2800, Bytes{bytes, 16}).ok());
  CHECK(bytes[0] == 0x11);
  REQUIRE(any.copyIn(0x2800, ConstBytes{bytes, 16}).ok());
  const V1DataSection mapped = sectionOf(server, DataPath::kMapped);
  CHECK(mapped.copyOut(0x1000, Bytes{bytes, 16}).ok());
  CHECK(mapped.copyOut(0x2800, Bytes{bytes, 16}).failure().reason == Reason::kMalformed);
  CHECK(mapped.copyIn(0x2800, ConstBytes{bytes, 16}).failure().reason == Reason::kMalformed);
}

TEST_CASE("messages can be forced where the mapping carries nothing") {
  auto server = std::make_shared<Server>();
  const V1DataSection section = sectionOf(server, DataPath::kTrapped);
  uint8_t bytes[16] = {};
  REQUIRE(section.copyOut(0x1000, Bytes{bytes, 16}).ok());
  CHECK(bytes[0] == 0x11);
}
