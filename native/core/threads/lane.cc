// SPDX-License-Identifier: MIT
#include "core/threads/lane.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace vfm {

struct Lane::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::unique_ptr<LaneTask>> tasks;
  std::string name;
  bool started = false;
  bool closing = false;

  static void* body(void* argument);
};

// The thread shares the state, so it may outlive the Lane, and the process may exit under it.
void* Lane::State::body(void* argument) {
  std::unique_ptr<std::shared_ptr<State>> handed(static_cast<std::shared_ptr<State>*>(argument));
  const std::shared_ptr<State> state = std::move(*handed);
  handed.reset();
  pthread_setname_np(pthread_self(), state->name.c_str());
  std::unique_lock<std::mutex> lock(state->mutex);
  for (;;) {
    state->wake.wait(lock, [&] { return state->closing || !state->tasks.empty(); });
    if (state->tasks.empty()) return nullptr;
    std::unique_ptr<LaneTask> task = std::move(state->tasks.front());
    state->tasks.pop_front();
    lock.unlock();
    LaneTask& running = *task;
    running.run(std::move(task));
    lock.lock();
  }
}

Lane::Lane(std::string name) : state_(std::make_shared<State>()) { state_->name = name.substr(0, 15); }

Lane::~Lane() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->closing = true;
  }
  state_->wake.notify_one();
}

int Lane::post(std::unique_ptr<LaneTask> task) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (!state_->started) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // Deep enough for any driver call's user side, small enough for a host full of devices.
    pthread_attr_setstacksize(&attributes, 256 * 1024 > PTHREAD_STACK_MIN ? 256 * 1024 : PTHREAD_STACK_MIN);
    auto handed = std::make_unique<std::shared_ptr<State>>(state_);
    // Signals are for the threads that their owner knows: the new one begins with all of them blocked.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, &State::body, handed.get());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    if (error != 0) return error;
    handed.release();  // the thread's now
    state_->started = true;
  }
  state_->tasks.push_back(std::move(task));
  // Unlocked first: whom this wakes wants the lock first of all.
  lock.unlock();
  state_->wake.notify_one();
  return 0;
}

}  // namespace vfm
