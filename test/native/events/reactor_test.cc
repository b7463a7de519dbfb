// SPDX-License-Identifier: MIT
#include "core/events/reactor.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <vector>

using namespace vfm;

namespace {

// Remembers what was delivered, and arms the watch again if told to.
class Counter final : public Reactor::Listener {
 public:
  void signalled(uint64_t count) override {
    std::lock_guard<std::mutex> lock(mutex_);
    total_ += count;
    ++deliveries_;
    if (watch) CHECK(watch->arm().ok());
    changed_.notify_all();
  }
  bool reaches(uint64_t total, int milliseconds = 10'000) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return total_ >= total; });
  }
  uint64_t total() {
    std::lock_guard<std::mutex> lock(mutex_);
    return total_;
  }
  uint64_t deliveries() {
    std::lock_guard<std::mutex> lock(mutex_);
    return deliveries_;
  }
  Reactor::Watch* watch = nullptr;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t total_ = 0;
  uint64_t deliveries_ = 0;
};

struct Fixture {
  std::shared_ptr<Reactor> reactor = *Reactor::create();
  std::shared_ptr<EventFd> event = *EventFd::create();
  std::shared_ptr<Counter> counter = std::make_shared<Counter>();
  std::unique_ptr<Reactor::Watch> watch() {
    auto made = reactor->watch(event, counter);
    REQUIRE(made.ok());
    return std::move(*made);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an armed watch delivers once, and what came since with the next arming") {
  auto watched = watch();
  REQUIRE(watched->arm().ok());
  REQUIRE(event->signal(2).ok());
  REQUIRE(counter->reaches(2));
  REQUIRE(event->signal(3).ok());
  REQUIRE(event->signal(4).ok());
  CHECK(!counter->reaches(3, 50));
  CHECK(counter->deliveries() == 1);
  REQUIRE(watched->arm().ok());
  REQUIRE(counter->reaches(9));
  CHECK(counter->deliveries() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a signal before the first arming is delivered at it") {
  auto watched = watch();
  REQUIRE(event->signal(1).ok());
  CHECK(!counter->reaches(1, 30));
  REQUIRE(watched->arm().ok());
  CHECK(counter->reaches(1));
}

TEST_CASE_FIXTURE(Fixture, "a disarmed watch leaves the counter to others") {
  auto watched = watch();
  REQUIRE(watched->arm().ok());
  REQUIRE(watched->disarm().ok());
  REQUIRE(event->signal(5).ok());
  CHECK(!counter->reaches(1, 30));
  CHECK(*event->take() == 5);
}

TEST_CASE_FIXTURE(Fixture, "an ended watch delivers nothing, and its eventfd can be watched again") {
  watch().reset();
  REQUIRE(event->signal(1).ok());
  auto again = watch();
  REQUIRE(again->arm().ok());
  CHECK(counter->reaches(1));
}

TEST_CASE_FIXTURE(Fixture, "an eventfd has one watch at a time") {
  auto watched = watch();
  auto second = reactor->watch(event, counter);
  REQUIRE(!second.ok());
  CHECK(second.failure().error == EEXIST);
}

TEST_CASE_FIXTURE(Fixture, "a watch may outlive its reactor, and then delivers nothing") {
  auto watched = watch();
  reactor.reset();
  CHECK(watched->arm().ok());
  watched.reset();
}

TEST_CASE_FIXTURE(Fixture, "no wake-up is lost between many signallers and one that arms again and again") {
  auto watched = watch();
  counter->watch = watched.get();
  REQUIRE(watched->arm().ok());
  constexpr int kThreads = 4;
  constexpr int kSignals = 20'000;
  std::vector<std::thread> signallers;
  for (int i = 0; i < kThreads; ++i) {
    signallers.emplace_back([this] {
      for (int n = 0; n < kSignals; ++n) CHECK(event->signal(1).ok());
    });
  }
  for (auto& each : signallers) each.join();
  CHECK(counter->reaches(kThreads * kSignals));
  CHECK(counter->total() == kThreads * kSignals);
  counter->watch = nullptr;
}

TEST_CASE("watches come and go while the thread delivers") {
  auto reactor = *Reactor::create();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        auto event = *EventFd::create();
        auto counter = std::make_shared<Counter>();
        auto watch = reactor->watch(event, counter);
        REQUIRE(watch.ok());
        REQUIRE((*watch)->arm().ok());
        REQUIRE(event->signal(1).ok());
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  stop = true;
  for (auto& each : threads) each.join();
}
