// SPDX-License-Identifier: MIT
#include "core/simulated/interrupts.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace vfm;

namespace {

struct Fixture {
  Interrupts interrupts;
  std::shared_ptr<EventFd> event = *EventFd::create();
  std::shared_ptr<EventFd> other = *EventFd::create();

  int trigger(uint32_t index, uint32_t start, std::variant<IrqsAll, IrqsChosen, IrqDescriptors> data) {
    return interrupts.set({index, start, IrqAction::kTrigger, std::move(data)});
  }
  int mask() { return interrupts.set({0, 0, IrqAction::kMask, IrqsAll{1}}); }
  int unmask() { return interrupts.set({0, 0, IrqAction::kUnmask, IrqsAll{1}}); }
  int arm(uint32_t index) { return trigger(index, 0, IrqDescriptors{event->descriptor()}); }
  int raise(uint32_t index, uint32_t vector = 0) { return interrupts.raise(index, vector, true); }
  uint64_t counted() { return *event->take(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "MSI reaches the vector's eventfd, with bus mastering only") {
  REQUIRE(trigger(1, 0, IrqDescriptors{-1, event->descriptor(), other->descriptor()}) == 0);
  REQUIRE(raise(1, 1) == 0);
  CHECK(counted() == 1);
  CHECK(*other->take() == 0);
  REQUIRE(interrupts.raise(1, 1, false) == 0);
  REQUIRE(raise(1, 0) == 0);
  REQUIRE(raise(2, 1) == 0);
  CHECK(counted() == 0);
  CHECK(raise(1, 4) == EINVAL);
  CHECK(raise(5, 0) == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "one of INTx, MSI and MSI-X at a time, and the notifiers beside them") {
  REQUIRE(arm(1) == 0);
  CHECK(arm(0) == EINVAL);
  CHECK(arm(2) == EINVAL);
  CHECK(arm(3) == 0);
  CHECK(arm(4) == 0);
  REQUIRE(trigger(1, 0, IrqsAll{0}) == 0);
  CHECK(arm(2) == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is not armed can be neither signalled nor disabled") {
  for (uint32_t index = 0; index < 5; ++index) {
    CHECK(trigger(index, 0, IrqsAll{1}) == EINVAL);
    CHECK(trigger(index, 0, IrqsAll{0}) == EINVAL);
  }
  CHECK(mask() == EINVAL);
  CHECK(unmask() == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "loopback signals all, or those chosen") {
  REQUIRE(trigger(2, 0, IrqDescriptors{event->descriptor(), other->descriptor()}) == 0);
  REQUIRE(trigger(2, 0, IrqsAll{2}) == 0);
  CHECK(counted() == 1);
  CHECK(*other->take() == 1);
  REQUIRE(trigger(2, 0, IrqsChosen{false, true}) == 0);
  CHECK(counted() == 0);
  CHECK(*other->take() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a set that may not grow does not, one that may does") {
  REQUIRE(arm(1) == 0);
  CHECK(trigger(1, 0, IrqDescriptors{event->descriptor(), other->descriptor()}) == EINVAL);
  REQUIRE(trigger(1, 0, IrqsAll{0}) == 0);
  REQUIRE(arm(2) == 0);
  CHECK(trigger(2, 0, IrqDescriptors{event->descriptor(), other->descriptor()}) == 0);
}

TEST_CASE_FIXTURE(Fixture, "INTx masks itself, and a line still up comes again when unmasked") {
  REQUIRE(arm(0) == 0);
  raise(0);
  raise(0);
  CHECK(counted() == 1);
  REQUIRE(unmask() == 0);
  CHECK(counted() == 1);
  interrupts.lowerLine();
  REQUIRE(unmask() == 0);
  CHECK(counted() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a masked line is delivered when it is unmasked") {
  REQUIRE(arm(0) == 0);
  REQUIRE(mask() == 0);
  raise(0);
  CHECK(counted() == 0);
  REQUIRE(unmask() == 0);
  CHECK(counted() == 1);
}

TEST_CASE_FIXTURE(Fixture, "INTx disable in the command register holds the line back") {
  REQUIRE(arm(0) == 0);
  interrupts.disableLine(true);
  raise(0);
  CHECK(counted() == 0);
  interrupts.disableLine(false);
  CHECK(counted() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an eventfd unmasks for as long as it is set, and there is one") {
  REQUIRE(arm(0) == 0);
  REQUIRE(interrupts.set({0, 0, IrqAction::kUnmask, IrqDescriptors{other->descriptor()}}) == 0);
  CHECK(interrupts.set({0, 0, IrqAction::kUnmask, IrqDescriptors{other->descriptor()}}) == EBUSY);
  raise(0);
  CHECK(counted() == 1);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(other->signal(1).ok());
    uint64_t seen = 0;
    for (int i = 0; i < 1000 && seen == 0; ++i) {
      seen = counted();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(seen == 1);
  }
  REQUIRE(interrupts.set({0, 0, IrqAction::kUnmask, IrqDescriptors{-1}}) == 0);
  REQUIRE(other->signal(1).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(counted() == 0);
}

TEST_CASE_FIXTURE(Fixture, "only INTx is masked, and by no eventfd") {
  REQUIRE(arm(1) == 0);
  CHECK(interrupts.set({1, 0, IrqAction::kMask, IrqsAll{1}}) == ENOTTY);
  CHECK(interrupts.set({0, 0, IrqAction::kMask, IrqDescriptors{1}}) == ENOTTY);
}

TEST_CASE_FIXTURE(Fixture, "wrong descriptors arm nothing and leave what was armed") {
  REQUIRE(arm(1) == 0);
  CHECK(trigger(1, 0, IrqDescriptors{987}) == EBADF);
  CHECK(trigger(1, 0, IrqDescriptors{0}) == EINVAL);
  CHECK(trigger(1, 0, IrqDescriptors{-2}) == EINVAL);
  raise(1);
  CHECK(counted() == 1);
}

TEST_CASE_FIXTURE(Fixture, "ranges outside an index are refused") {
  CHECK(trigger(1, 4, IrqsAll{0}) == EINVAL);
  CHECK(trigger(1, 3, IrqsAll{2}) == EINVAL);
  CHECK(trigger(1, 1, IrqsAll{0xffffffff}) == EINVAL);
  CHECK(trigger(7, 0, IrqsAll{1}) == EINVAL);
}

TEST_CASE_FIXTURE(Fixture, "a reset lowers the line and keeps what is armed") {
  REQUIRE(arm(0) == 0);
  raise(0);
  CHECK(counted() == 1);
  interrupts.reset();
  CHECK(!interrupts.lineIsUp());
  REQUIRE(unmask() == 0);
  raise(0);
  CHECK(counted() == 1);
}
