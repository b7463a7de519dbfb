// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <cstring>

#include "core/kernel/kernel_device.h"
#include "support/kernel_fixture.h"
#include "support/region_answer.h"
#include "uapi/irq.h"

using namespace vfm;
using namespace vfm::kernel;
using vfm::test::KernelFixture;
using vfm::test::RegionAnswer;

namespace {

struct IrqFixture : KernelFixture {
  uint32_t word(size_t at) const {
    uint32_t value = 0;
    std::memcpy(&value, sys.lastIrqSet.data() + at, sizeof(value));
    return value;
  }
  int32_t descriptor(size_t which) const { return static_cast<int32_t>(word(20 + 4 * which)); }
  void checkHeader(uint32_t size, uint32_t flags, uint32_t index, uint32_t start, uint32_t count) const {
    REQUIRE(sys.lastIrqSet.size() == size);
    CHECK(word(0) == size);
    CHECK(word(4) == flags);
    CHECK(word(8) == index);
    CHECK(word(12) == start);
    CHECK(word(16) == count);
  }
};

IrqRequest request(uint32_t index, uint32_t start, IrqAction action,
                   std::variant<IrqsAll, IrqsChosen, IrqDescriptors> data) {
  return IrqRequest{index, start, action, std::move(data)};
}

}  // namespace

TEST_CASE_FIXTURE(IrqFixture, "the three kinds of data, each in exactly argsz bytes") {
  REQUIRE(device->setIrqs(request(1, 0, IrqAction::kTrigger, IrqDescriptors{7, -1, 9})).ok());
  checkHeader(32, uapi::kVfioIrqSetDataEventfd | uapi::kVfioIrqSetActionTrigger, 1, 0, 3);
  CHECK(descriptor(0) == 7);
  CHECK(descriptor(1) == -1);
  CHECK(descriptor(2) == 9);

  REQUIRE(device->setIrqs(request(2, 1, IrqAction::kTrigger, IrqsChosen{true, false})).ok());
  checkHeader(22, uapi::kVfioIrqSetDataBool | uapi::kVfioIrqSetActionTrigger, 2, 1, 2);
  CHECK(sys.lastIrqSet[20] == 1);
  CHECK(sys.lastIrqSet[21] == 0);

  REQUIRE(device->setIrqs(request(0, 2, IrqAction::kTrigger, IrqsAll{1})).ok());
  checkHeader(20, uapi::kVfioIrqSetDataNone | uapi::kVfioIrqSetActionTrigger, 0, 2, 1);
}

TEST_CASE_FIXTURE(IrqFixture, "the three actions, and disabling") {
  REQUIRE(device->setIrqs(request(0, 0, IrqAction::kMask, IrqsAll{1})).ok());
  CHECK(word(4) == (uapi::kVfioIrqSetDataNone | uapi::kVfioIrqSetActionMask));
  REQUIRE(device->setIrqs(request(0, 0, IrqAction::kUnmask, IrqDescriptors{5})).ok());
  CHECK(word(4) == (uapi::kVfioIrqSetDataEventfd | uapi::kVfioIrqSetActionUnmask));
  REQUIRE(device->setIrqs(request(1, 0, IrqAction::kTrigger, IrqsAll{0})).ok());
  checkHeader(20, uapi::kVfioIrqSetDataNone | uapi::kVfioIrqSetActionTrigger, 1, 0, 0);
}

TEST_CASE_FIXTURE(IrqFixture, "a set as large as MSI-X can be") {
  sys.irqCount = 2048;
  IrqDescriptors all(2048);
  for (int i = 0; i < 2048; ++i) all[static_cast<size_t>(i)] = i;
  REQUIRE(device->setIrqs(request(2, 0, IrqAction::kTrigger, all)).ok());
  checkHeader(20 + 4 * 2048, uapi::kVfioIrqSetDataEventfd | uapi::kVfioIrqSetActionTrigger, 2, 0, 2048);
  CHECK(descriptor(2047) == 2047);
}

TEST_CASE_FIXTURE(IrqFixture, "what the index does not have is refused before the kernel is asked") {
  const IrqRequest wrong[] = {
      request(1, 0, IrqAction::kTrigger, IrqDescriptors{1, 2, 3, 4}),
      request(1, 3, IrqAction::kTrigger, IrqsAll{0}),
      request(1, 2, IrqAction::kTrigger, IrqsAll{2}),
      request(1, 0xffffffff, IrqAction::kTrigger, IrqsAll{2}),
      request(1, 1, IrqAction::kTrigger, IrqsAll{0xffffffff}),
      request(1, 0, IrqAction::kTrigger, IrqDescriptors{}),
      request(1, 0, IrqAction::kMask, IrqsAll{0}),
  };
  for (const IrqRequest& each : wrong) {
    Status set = device->setIrqs(each);
    REQUIRE(!set.ok());
    CHECK(set.failure().reason == Reason::kInvalidArgument);
  }
  CHECK(sys.calls(uapi::kVfioDeviceSetIrqs) == 0);
}

TEST_CASE_FIXTURE(IrqFixture, "an index is asked about once") {
  for (int i = 0; i < 3; ++i) REQUIRE(device->setIrqs(request(0, 0, IrqAction::kUnmask, IrqsAll{1})).ok());
  CHECK(sys.calls(uapi::kVfioDeviceGetIrqInfo) == 1);
}

TEST_CASE_FIXTURE(IrqFixture, "an index that does not exist is the kernel's failure") {
  Status set = device->setIrqs(request(9, 0, IrqAction::kTrigger, IrqsAll{1}));
  REQUIRE(!set.ok());
  CHECK(set.failure().error == EINVAL);
  CHECK(set.failure().operation == "VFIO_DEVICE_GET_IRQ_INFO 9");
}

TEST_CASE_FIXTURE(IrqFixture, "each errno says what it means here") {
  const struct {
    int error;
    IrqRequest asked;
    const char* means;
  } cases[] = {
      {EINVAL, request(1, 0, IrqAction::kTrigger, IrqDescriptors{4}), "another index is armed"},
      {EINVAL, request(1, 0, IrqAction::kTrigger, IrqsAll{1}), "nothing is armed at this index to signal"},
      {EINVAL, request(1, 0, IrqAction::kTrigger, IrqsAll{0}), "nothing is armed at this index"},
      {EINVAL, request(0, 0, IrqAction::kUnmask, IrqsAll{1}), "nothing is armed"},
      {ENOTTY, request(1, 0, IrqAction::kMask, IrqsAll{1}), "does not do that"},
      {EBADF, request(1, 0, IrqAction::kTrigger, IrqDescriptors{4}), "not open"},
      {EBUSY, request(0, 0, IrqAction::kUnmask, IrqDescriptors{4}), "unmasking eventfd is set already"},
      {EBUSY, request(0, 0, IrqAction::kTrigger, IrqDescriptors{4}), "does not share"},
      {ENODEV, request(0, 0, IrqAction::kTrigger, IrqDescriptors{4}), "no interrupt line"},
      {ENOSPC, request(1, 0, IrqAction::kTrigger, IrqDescriptors{4}), "no interrupt vectors left"},
      {ENOMEM, request(1, 0, IrqAction::kTrigger, IrqDescriptors{4}), "memory"},
      {EPERM, request(1, 0, IrqAction::kTrigger, IrqDescriptors{4}), "remapping"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.error);
    sys.fail(uapi::kVfioDeviceSetIrqs, each.error);
    Status set = device->setIrqs(each.asked);
    REQUIRE(!set.ok());
    CHECK(set.failure().reason == Reason::kSystem);
    CHECK(set.failure().error == each.error);
    CHECK(set.failure().detail.find(each.means) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(IrqFixture, "fewer vectors than wanted is a failure, although the kernel answers a count") {
  sys.irqVectorsLeft = 2;
  Status set = device->setIrqs(request(1, 0, IrqAction::kTrigger, IrqDescriptors{4, 5, 6}));
  REQUIRE(!set.ok());
  CHECK(set.failure().error == ENOSPC);
  CHECK(set.failure().detail.find("2 vectors left of the 3") != std::string::npos);
}

TEST_CASE_FIXTURE(IrqFixture, "an interrupted request is not made twice") {
  sys.fail(uapi::kVfioDeviceSetIrqs, EINTR);
  CHECK(!device->setIrqs(request(1, 0, IrqAction::kTrigger, IrqsAll{1})).ok());
  CHECK(sys.calls(uapi::kVfioDeviceSetIrqs) == 1);
}

TEST_CASE_FIXTURE(IrqFixture,
                  "an ioeventfd names its place in the descriptor, its width, and what is written") {
  sys.regions[2] = RegionAnswer(2, 4096).bytes();
  auto region = device->regionInfo(2);
  REQUIRE(region.ok());
  REQUIRE(device->setIoeventfd({2, 0x20, 4, 0xabcd, 11}).ok());
  CHECK(sys.lastIoeventfd.argsz == 32);
  CHECK(sys.lastIoeventfd.flags == uapi::kVfioDeviceIoeventfd32);
  CHECK(sys.lastIoeventfd.offset == region->offset + 0x20);
  CHECK(sys.lastIoeventfd.data == 0xabcd);
  CHECK(sys.lastIoeventfd.fd == 11);
  REQUIRE(device->setIoeventfd({2, 0x20, 8, 1, -1}).ok());
  CHECK(sys.lastIoeventfd.flags == uapi::kVfioDeviceIoeventfd64);
  CHECK(sys.lastIoeventfd.fd == -1);
}

TEST_CASE_FIXTURE(IrqFixture,
                  "an ioeventfd outside its region, unaligned or of no width is refused unasked") {
  sys.regions[2] = RegionAnswer(2, 4096).bytes();
  const IoeventfdRequest wrong[] = {{2, 4096, 4, 0, 1},
                                    {2, 4094, 4, 0, 1},
                                    {2, 0, 3, 0, 1},
                                    {2, 0, 4, 0, -2},
                                    {2, UINT64_MAX - 3, 4, 0, 1}};
  for (const auto& each : wrong) {
    Status set = device->setIoeventfd(each);
    REQUIRE(!set.ok());
    CHECK(set.failure().reason == Reason::kInvalidArgument);
  }
  CHECK(sys.calls(uapi::kVfioDeviceIoeventfd) == 0);
}

TEST_CASE_FIXTURE(IrqFixture, "what an ioeventfd's errno means") {
  sys.regions[2] = RegionAnswer(2, 4096).bytes();
  const struct {
    int error;
    int descriptor;
    const char* means;
  } cases[] = {{EINVAL, 4, "in a BAR"}, {EEXIST, 4, "already"}, {ENODEV, -1, "no such assignment"},
               {ENODEV, 4, "gone"},     {ENOSPC, 4, "allows"},  {ENOTTY, 4, "vfio-pci"}};
  for (const auto& each : cases) {
    sys.fail(uapi::kVfioDeviceIoeventfd, each.error);
    Status set = device->setIoeventfd({2, 0, 4, 0, each.descriptor});
    REQUIRE(!set.ok());
    CHECK(set.failure().error == each.error);
    CHECK(set.failure().detail.find(each.means) != std::string::npos);
  }
}
