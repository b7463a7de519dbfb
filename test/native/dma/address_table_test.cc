// SPDX-License-Identifier: MIT
#include "core/dma/address_table.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace vfm;

namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<DmaMemory> memoryOf(uint64_t size) {
  auto memory = DmaMemory::allocate(size, {});
  REQUIRE(memory.ok());
  return *memory;
}

DmaSlice whole(const std::shared_ptr<DmaMemory>& memory) { return {memory, 0, memory->size()}; }

std::shared_ptr<DirtyBitmap> bitmapOf(uint64_t iova, uint64_t length, uint64_t page = kPage) {
  auto bitmap = DirtyBitmap::create(iova, length, page);
  REQUIRE(bitmap.ok());
  return *bitmap;
}

Status write(AddressTable& table, uint64_t iova, const std::vector<uint8_t>& bytes) {
  return table.write(iova, {bytes.data(), bytes.size()});
}

int errorOf(const Status& status) { return status.ok() ? 0 : status.failure().error; }
template <typename T>
int errorOf(const Result<T>& result) {
  return result.ok() ? 0 : result.failure().error;
}

class Recorder final : public AddressTable::Attachment {
 public:
  std::vector<std::string> log;
  int failMap = 0;    // the nth mapping from now on is refused
  int failUnmap = 0;  // likewise
  std::function<void()> duringMap;

  Status mapped(const DmaMapping& mapping) override {
    if (failMap > 0 && --failMap == 0) return Failure::system(ENOSPC, "", "a peer's map");
    log.push_back("map " + std::to_string(mapping.iova / kPage));
    if (duringMap) duringMap();
    return {};
  }
  Status unmapped(const DmaMapping& mapping, DirtyBitmap* dirty) override {
    log.push_back("unmap " + std::to_string(mapping.iova / kPage));
    if (dirty) dirty->mark(mapping.iova, 1);
    if (failUnmap > 0 && --failUnmap == 0) return Failure::system(EIO, "", "a peer's unmap");
    return {};
  }
  Status startDirtyTracking() override {
    log.push_back("start");
    return {};
  }
  Status reportDirty(DirtyBitmap& into) override {
    into.mark(into.iova(), 1);
    return {};
  }
  Status stopDirtyTracking() override {
    log.push_back("stop");
    return {};
  }
};

using Log = std::vector<std::string>;

}  // namespace

TEST_CASE("what is mapped is read and written, across mappings") {
  AddressTable table;
  auto first = memoryOf(2 * kPage);
  auto second = memoryOf(2 * kPage);
  REQUIRE(table.map(0x10000, whole(first), Protection::kReadWrite).ok());
  REQUIRE(table.map(0x12000, {second, kPage, kPage}, Protection::kReadWrite).ok());
  const std::vector<uint8_t> bytes{1, 2, 3, 4, 5, 6};
  REQUIRE(write(table, 0x12000 - 3, bytes).ok());
  CHECK(std::memcmp(first->data() + 2 * kPage - 3, bytes.data(), 3) == 0);
  CHECK(std::memcmp(second->data() + kPage, bytes.data() + 3, 3) == 0);
  std::vector<uint8_t> back(6);
  REQUIRE(table.read(0x12000 - 3, {back.data(), back.size()}).ok());
  CHECK(back == bytes);
}

TEST_CASE("an access that is not mapped to its end moves nothing") {
  AddressTable table;
  auto memory = memoryOf(kPage);
  REQUIRE(table.map(0x1000, whole(memory), Protection::kReadWrite).ok());
  CHECK(errorOf(write(table, 0x1ffe, {1, 2, 3})) == EFAULT);
  CHECK(memory->data()[kPage - 2] == 0);
  CHECK(errorOf(write(table, 0xfff, {1, 2, 3})) == EFAULT);
  CHECK(errorOf(write(table, 0x5000, {1})) == EFAULT);
  CHECK(errorOf(write(table, UINT64_MAX, {1, 2})) == EFAULT);
  CHECK(write(table, 0x5000, {}).ok());
}

TEST_CASE("protection is checked before the first byte moves") {
  AddressTable table;
  auto open = memoryOf(kPage);
  auto readOnly = memoryOf(kPage);
  auto writeOnly = memoryOf(kPage);
  REQUIRE(table.map(0x1000, whole(open), Protection::kReadWrite).ok());
  REQUIRE(table.map(0x2000, whole(readOnly), Protection::kRead).ok());
  REQUIRE(table.map(0x3000, whole(writeOnly), Protection::kWrite).ok());
  CHECK(errorOf(write(table, 0x1fff, {1, 2})) == EFAULT);
  CHECK(open->data()[kPage - 1] == 0);
  std::vector<uint8_t> back(2);
  CHECK(table.read(0x2000, {back.data(), 2}).ok());
  CHECK(errorOf(table.read(0x2fff, {back.data(), 2})) == EFAULT);
  CHECK(write(table, 0x3000, {7}).ok());
}

TEST_CASE("overlap is EEXIST, what is misaligned or outside the ranges EINVAL, one too many ENOSPC") {
  AddressTable table({~uint64_t{4095}, {{0x1000, 0xffff}}, 2});
  auto memory = memoryOf(kPage);
  CHECK(errorOf(table.map(0x1800, whole(memory), Protection::kRead)) == EINVAL);
  CHECK(errorOf(table.map(0, whole(memory), Protection::kRead)) == EINVAL);
  CHECK(errorOf(table.map(0x10000, whole(memory), Protection::kRead)) == EINVAL);
  REQUIRE(table.map(0x1000, whole(memory), Protection::kRead).ok());
  CHECK(errorOf(table.map(0x1000, whole(memory), Protection::kRead)) == EEXIST);
  CHECK(*table.info()->mappings == 1);
  REQUIRE(table.map(0x2000, whole(memory), Protection::kRead).ok());
  CHECK(errorOf(table.map(0x3000, whole(memory), Protection::kRead)) == ENOSPC);
}

TEST_CASE("a mapping holds its memory until it is unmapped") {
  AddressTable table;
  auto memory = memoryOf(kPage);
  const std::weak_ptr<DmaMemory> watch = memory;
  REQUIRE(table.map(0x1000, whole(memory), Protection::kReadWrite).ok());
  memory.reset();
  CHECK_FALSE(watch.expired());
  CHECK(write(table, 0x1000, {1}).ok());
  CHECK(*table.unmap(0x1000, kPage, nullptr) == kPage);
  CHECK(watch.expired());
  CHECK(errorOf(write(table, 0x1000, {1})) == EFAULT);
}

TEST_CASE("unmap takes whole mappings and tells how many bytes they had") {
  AddressTable table;
  auto memory = memoryOf(2 * kPage);
  REQUIRE(table.map(0x10000, whole(memory), Protection::kRead).ok());
  REQUIRE(table.map(0x20000, whole(memory), Protection::kRead).ok());
  CHECK(errorOf(table.unmap(0x10000, kPage, nullptr)) == EINVAL);
  CHECK(*table.unmap(0x30000, kPage, nullptr) == 0);
  CHECK(*table.unmap(0x10000, 0x20000, nullptr) == 4 * kPage);
  REQUIRE(table.map(0x10000, whole(memory), Protection::kRead).ok());
  CHECK(*table.unmapAll() == 2 * kPage);
  CHECK(*table.unmapAll() == 0);
}

TEST_CASE("written pages are dirty, once, while tracking is on") {
  AddressTable table;
  REQUIRE(table.map(0x10000, whole(memoryOf(8 * kPage)), Protection::kReadWrite).ok());
  auto bitmap = bitmapOf(0x10000, 8 * kPage);
  CHECK(errorOf(table.reportDirty(*bitmap)) == EINVAL);
  REQUIRE(write(table, 0x10000, {1}).ok());
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(write(table, 0x11fff, {1, 2}).ok());
  std::vector<uint8_t> back(1);
  REQUIRE(table.read(0x17000, {back.data(), 1}).ok());
  REQUIRE(table.startDirtyTracking().ok());  // again: nothing is forgotten
  REQUIRE(table.reportDirty(*bitmap).ok());
  CHECK(bitmap->words()[0] == 0b0110);
  REQUIRE(write(table, 0x17fff, {1}).ok());
  REQUIRE(table.reportDirty(*bitmap).ok());  // adds
  CHECK(bitmap->words()[0] == 0b1000'0110);
  auto fresh = bitmapOf(0x10000, 8 * kPage);
  REQUIRE(table.reportDirty(*fresh).ok());
  CHECK(fresh->dirtyPages() == 0);
  REQUIRE(table.stopDirtyTracking().ok());
  CHECK(errorOf(table.reportDirty(*fresh)) == EINVAL);
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(table.reportDirty(*fresh).ok());
  CHECK(fresh->dirtyPages() == 0);
}

TEST_CASE("a report covers whole mappings, of pages no smaller than those tracked") {
  AddressTable table;
  REQUIRE(table.map(0x10000, whole(memoryOf(4 * kPage)), Protection::kReadWrite).ok());
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(write(table, 0x12000, {1}).ok());
  auto half = bitmapOf(0x10000, 2 * kPage);
  CHECK(errorOf(table.reportDirty(*half)) == EINVAL);
  auto fine = bitmapOf(0x10000, 4 * kPage, 1024);
  CHECK(errorOf(table.reportDirty(*fine)) == EINVAL);
  auto coarse = bitmapOf(0x10000, 4 * kPage, 2 * kPage);
  REQUIRE(table.reportDirty(*coarse).ok());
  CHECK(coarse->words()[0] == 0b10);
}

TEST_CASE("a report leaves alone what lies outside its stretch") {
  AddressTable table;
  auto memory = memoryOf(kPage);
  for (uint64_t iova : {0x1000, 0x2000, 0x3000}) {
    REQUIRE(table.map(iova, whole(memory), Protection::kReadWrite).ok());
  }
  REQUIRE(table.startDirtyTracking().ok());
  for (uint64_t iova : {0x1000, 0x2000, 0x3000}) REQUIRE(write(table, iova, {1}).ok());
  auto middle = bitmapOf(0x2000, kPage);
  REQUIRE(table.reportDirty(*middle).ok());
  CHECK(middle->dirtyPages() == 1);
  auto all = bitmapOf(0x1000, 3 * kPage);
  REQUIRE(table.reportDirty(*all).ok());
  CHECK(all->words()[0] == 0b101);
}

TEST_CASE("unmapping hands over the pages that were written until then") {
  AddressTable table;
  REQUIRE(table.map(0x10000, whole(memoryOf(4 * kPage)), Protection::kReadWrite).ok());
  auto bitmap = bitmapOf(0x10000, 4 * kPage);
  CHECK(errorOf(table.unmap(0x10000, 4 * kPage, bitmap.get())) == EINVAL);  // not started
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(write(table, 0x13000, {1}).ok());
  auto other = bitmapOf(0x10000, 8 * kPage);
  CHECK(table.unmap(0x10000, 4 * kPage, other.get()).failure().reason == Reason::kInvalidArgument);
  CHECK(*table.unmap(0x10000, 4 * kPage, bitmap.get()) == 4 * kPage);
  CHECK(bitmap->words()[0] == 0b1000);
  REQUIRE(table.map(0x10000, whole(memoryOf(4 * kPage)), Protection::kReadWrite).ok());
  auto fresh = bitmapOf(0x10000, 4 * kPage);
  REQUIRE(table.reportDirty(*fresh).ok());
  CHECK(fresh->dirtyPages() == 0);
}

TEST_CASE("untrusted memory is accessed, and EFAULT where it is gone") {
  const UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), 2 * kPage) == 0);
  auto memory = DmaMemory::ofDescriptor(file.get(), 0, 2 * kPage);
  REQUIRE(memory.ok());
  AddressTable table;
  REQUIRE(table.map(0x1000, whole(*memory), Protection::kReadWrite).ok());
  CHECK(write(table, 0x1ffe, {1, 2, 3, 4}).ok());
  REQUIRE(::ftruncate(file.get(), kPage) == 0);
  CHECK(errorOf(write(table, 0x2000, {1})) == EFAULT);
  CHECK(write(table, 0x1000, {1}).ok());
}

TEST_CASE("who attaches is told what is mapped, then every change in order") {
  AddressTable table;
  auto memory = memoryOf(kPage);
  REQUIRE(table.map(0x3000, whole(memory), Protection::kRead).ok());
  REQUIRE(table.map(0x1000, whole(memory), Protection::kRead).ok());
  auto recorder = std::make_shared<Recorder>();
  REQUIRE(table.attach(recorder).ok());
  REQUIRE(table.map(0x2000, whole(memory), Protection::kRead).ok());
  REQUIRE(table.unmap(0x1000, 3 * kPage, nullptr).ok());
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(table.stopDirtyTracking().ok());
  CHECK(recorder->log == Log{"map 1", "map 3", "map 2", "unmap 1", "unmap 2", "unmap 3", "start", "stop"});
  table.detach(recorder.get());
  REQUIRE(table.map(0x2000, whole(memory), Protection::kRead).ok());
  CHECK(recorder->log.size() == 8);
}

TEST_CASE("an attachment that is gone is told nothing") {
  AddressTable table;
  auto recorder = std::make_shared<Recorder>();
  REQUIRE(table.attach(recorder).ok());
  recorder.reset();
  CHECK(table.map(0x2000, whole(memoryOf(kPage)), Protection::kRead).ok());
}

TEST_CASE("a map that one attachment refuses is undone on the others and in the table") {
  AddressTable table;
  auto first = std::make_shared<Recorder>();
  auto second = std::make_shared<Recorder>();
  auto third = std::make_shared<Recorder>();
  for (const auto& each : {first, second, third}) REQUIRE(table.attach(each).ok());
  second->failMap = 1;
  auto memory = memoryOf(kPage);
  CHECK(errorOf(table.map(0x1000, whole(memory), Protection::kReadWrite)) == ENOSPC);
  CHECK(first->log == Log{"map 1", "unmap 1"});
  CHECK(second->log.empty());
  CHECK(third->log.empty());
  CHECK(errorOf(write(table, 0x1000, {1})) == EFAULT);
  CHECK(table.map(0x1000, whole(memory), Protection::kReadWrite).ok());
}

TEST_CASE("an attachment that refuses what is mapped already is not attached") {
  AddressTable table;
  auto memory = memoryOf(kPage);
  for (uint64_t iova : {0x1000, 0x2000, 0x3000})
    REQUIRE(table.map(iova, whole(memory), Protection::kRead).ok());
  auto recorder = std::make_shared<Recorder>();
  recorder->failMap = 3;
  CHECK(errorOf(table.attach(recorder)) == ENOSPC);
  CHECK(recorder->log == Log{"map 1", "map 2", "unmap 2", "unmap 1"});
  REQUIRE(table.map(0x4000, whole(memory), Protection::kRead).ok());
  CHECK(recorder->log.size() == 4);
}

TEST_CASE("an unmap that an attachment fails is done all the same, and reported") {
  AddressTable table;
  auto first = std::make_shared<Recorder>();
  auto second = std::make_shared<Recorder>();
  REQUIRE(table.attach(first).ok());
  REQUIRE(table.attach(second).ok());
  REQUIRE(table.map(0x1000, whole(memoryOf(kPage)), Protection::kReadWrite).ok());
  first->failUnmap = 1;
  CHECK(errorOf(table.unmap(0x1000, kPage, nullptr)) == EIO);
  CHECK(second->log == Log{"map 1", "unmap 1"});
  CHECK(errorOf(write(table, 0x1000, {1})) == EFAULT);
}

TEST_CASE("what attachments wrote past the table is reported too") {
  AddressTable table;
  REQUIRE(table.attach(std::make_shared<Recorder>()).ok());
  auto recorder = std::make_shared<Recorder>();
  REQUIRE(table.attach(recorder).ok());
  REQUIRE(table.map(0x1000, whole(memoryOf(4 * kPage)), Protection::kReadWrite).ok());
  REQUIRE(table.startDirtyTracking().ok());
  REQUIRE(write(table, 0x3000, {1}).ok());
  auto bitmap = bitmapOf(0x1000, 4 * kPage);
  REQUIRE(table.reportDirty(*bitmap).ok());
  CHECK(bitmap->words()[0] == 0b0101);
  auto last = bitmapOf(0x1000, 4 * kPage);
  REQUIRE(table.unmap(0x1000, 4 * kPage, last.get()).ok());
  CHECK(last->words()[0] == 0b0001);
}

TEST_CASE("an attachment may use a mapping while it is told of it") {
  AddressTable table;
  auto recorder = std::make_shared<Recorder>();
  int error = -1;
  recorder->duringMap = [&] {
    // From another thread, as a connection's receiver does.
    std::thread([&] { error = errorOf(write(table, 0x1000, {9})); }).join();
  };
  REQUIRE(table.attach(recorder).ok());
  REQUIRE(table.map(0x1000, whole(memoryOf(kPage)), Protection::kReadWrite).ok());
  CHECK(error == 0);
}

TEST_CASE("accesses and changes from several threads") {
  AddressTable table;
  auto memory = memoryOf(16 * kPage);
  REQUIRE(table.startDirtyTracking().ok());
  std::atomic<bool> over{false};
  std::thread writer([&] {
    while (!over) {
      const int error = errorOf(write(table, 0x10000, {1, 2, 3}));
      if (error != 0 && error != EFAULT) over = true;
    }
  });
  std::thread reporter([&] {
    auto bitmap = bitmapOf(0, 0x20000);
    while (!over) static_cast<void>(table.reportDirty(*bitmap).ok());
  });
  for (int round = 0; round < 500; ++round) {
    CHECK(table.map(0x10000, whole(memory), Protection::kReadWrite).ok());
    CHECK(table.unmap(0x10000, 16 * kPage, nullptr).ok());
  }
  CHECK_FALSE(over);
  over = true;
  writer.join();
  reporter.join();
}
