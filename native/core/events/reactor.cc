// SPDX-License-Identifier: MIT
#include "core/events/reactor.h"

#include <limits.h>
#include <pthread.h>
#include <sys/epoll.h>

#include <cerrno>
#include <map>
#include <mutex>

namespace vfm {
namespace {

constexpr uint64_t kStop = 0;  // of the eventfd that ends the thread; watches count from 1
constexpr int kBatch = 64;

Status control(int epoll, int operation, int descriptor, uint32_t events, uint64_t id) {
  struct epoll_event event {};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll, operation, descriptor, &event) == 0) return {};
  return Failure::system(errno, "epoll_ctl", "watch of an eventfd");
}

}  // namespace

struct Reactor::State {
  UniqueFd epoll;
  std::shared_ptr<EventFd> stop;
  std::mutex mutex;  // of what follows; not held while a listener is called
  std::map<uint64_t, std::weak_ptr<Watch::Entry>> watches;
  uint64_t nextId = kStop + 1;
  bool started = false;

  int startThread(const std::shared_ptr<State>& self);
  static void* body(void* argument);
  void deliver(uint64_t id);
};

// Keeps the eventfd open for as long as the kernel's epoll set or a delivery uses it: a closed number could
// be anybody's.
struct Reactor::Watch::Entry {
  Entry(std::shared_ptr<State> state, std::shared_ptr<EventFd> event, std::shared_ptr<Listener> listener)
      : state(std::move(state)), event(std::move(event)), listener(std::move(listener)) {}
  std::shared_ptr<State> state;
  std::shared_ptr<EventFd> event;
  std::shared_ptr<Listener> listener;
  uint64_t id = 0;

  Status set(uint32_t events) {
    return control(state->epoll.get(), EPOLL_CTL_MOD, event->descriptor(), events, id);
  }
};

Reactor::Watch::~Watch() {
  std::lock_guard<std::mutex> lock(entry_->state->mutex);
  entry_->state->watches.erase(entry_->id);
  // Cannot fail: the descriptor is open, and was added.
  static_cast<void>(
      ::epoll_ctl(entry_->state->epoll.get(), EPOLL_CTL_DEL, entry_->event->descriptor(), nullptr));
}

// Level-triggered and one-shot: arming looks at the counter again, so that a signal between a delivery and
// the next arming is found.
Status Reactor::Watch::arm() { return entry_->set(EPOLLIN | EPOLLONESHOT); }

Status Reactor::Watch::disarm() { return entry_->set(0); }

void Reactor::State::deliver(uint64_t id) {
  std::shared_ptr<Watch::Entry> entry;
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = watches.find(id);
    if (found != watches.end()) entry = found->second.lock();
  }
  if (!entry) return;  // its watch ended while the event was on its way
  auto count = entry->event->take();
  if (count.ok() && *count > 0) {
    entry->listener->signalled(*count);
  } else {
    // Another reader was faster. Waiting goes on.
    static_cast<void>(entry->set(EPOLLIN | EPOLLONESHOT));
  }
}

void* Reactor::State::body(void* argument) {
  std::unique_ptr<std::shared_ptr<State>> handed(static_cast<std::shared_ptr<State>*>(argument));
  const std::shared_ptr<State> state = std::move(*handed);
  handed.reset();
  pthread_setname_np(pthread_self(), "vfm:events");
  struct epoll_event events[kBatch];
  for (;;) {
    const int ready = ::epoll_wait(state->epoll.get(), events, kBatch, -1);
    if (ready < 0 && errno != EINTR) return nullptr;
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.u64 == kStop) return nullptr;
      state->deliver(events[i].data.u64);
    }
  }
}

int Reactor::State::startThread(const std::shared_ptr<State>& self) {
  if (started) return 0;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 128 * 1024 > PTHREAD_STACK_MIN ? 128 * 1024 : PTHREAD_STACK_MIN);
  auto handed = std::make_unique<std::shared_ptr<State>>(self);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, &State::body, handed.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) return error;
  static_cast<void>(handed.release());  // the thread's now
  started = true;
  return 0;
}

Result<std::shared_ptr<Reactor>> Reactor::create() {
  auto state = std::make_shared<State>();
  state->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll) return Failure::system(errno, "epoll_create1", "the waiting for eventfds");
  auto stop = EventFd::create();
  if (!stop.ok()) return std::move(stop).failure();
  state->stop = std::move(*stop);
  Status added = control(state->epoll.get(), EPOLL_CTL_ADD, state->stop->descriptor(), EPOLLIN, kStop);
  if (!added.ok()) return std::move(added).failure();
  return std::shared_ptr<Reactor>(new Reactor(std::move(state)));
}

Reactor::~Reactor() { static_cast<void>(state_->stop->signal(1)); }

Result<std::unique_ptr<Reactor::Watch>> Reactor::watch(std::shared_ptr<EventFd> event,
                                                       std::shared_ptr<Listener> listener) {
  auto entry = std::make_shared<Watch::Entry>(state_, std::move(event), std::move(listener));
  std::lock_guard<std::mutex> lock(state_->mutex);
  if (int error = state_->startThread(state_))
    return Failure::system(error, "pthread_create", "a thread for eventfds");
  entry->id = state_->nextId++;
  Status added = control(state_->epoll.get(), EPOLL_CTL_ADD, entry->event->descriptor(), 0, entry->id);
  if (!added.ok()) return std::move(added).failure();
  state_->watches.emplace(entry->id, entry);
  return std::unique_ptr<Watch>(new Watch(std::move(entry)));
}

}  // namespace vfm
