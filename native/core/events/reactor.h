// SPDX-License-Identifier: MIT
// One thread that waits for any number of eventfds.
//
// A watch is armed for one delivery at a time: whoever got a count arms it again when he wants the next. What
// is signalled in between stays in the kernel's counter, so nothing is lost, nothing piles up here however
// fast a device interrupts, and an eventfd that nobody waits for costs nothing and stays unread for others.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/events/event_fd.h"

namespace vfm {

class Reactor {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // On the reactor's thread; must not wait. `count` is at least 1. The watch is not armed any more.
    virtual void signalled(uint64_t count) = 0;
  };

  // Ends with its object. A delivery that is under way then may still arrive at the listener.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // The next count goes to the listener, once; at once if something is counted already. From any thread,
    // the listener itself included. Arming what is armed changes nothing.
    Status arm();
    // Nothing is delivered until it is armed again, but for a delivery under way.
    Status disarm();

   private:
    friend class Reactor;
    struct Entry;
    Watch(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    std::shared_ptr<Entry> entry_;
  };

  // The thread starts with the first watch.
  static Result<std::shared_ptr<Reactor>> create();
  // The thread ends soon; nobody waits for it.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Not armed yet. Each eventfd may have one watch (EEXIST): two would take each other's counts.
  Result<std::unique_ptr<Watch>> watch(std::shared_ptr<EventFd> event, std::shared_ptr<Listener> listener);

 private:
  struct State;
  explicit Reactor(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace vfm
