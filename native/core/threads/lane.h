// SPDX-License-Identifier: MIT
// One thread that does what it is given, in order. Calls into drivers can take seconds and must hold up
// neither the event loop nor libuv's four threads, so each device and each session has lanes of its own.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace vfm {

class LaneTask {
 public:
  virtual ~LaneTask() = default;
  // On the lane's thread. The task owns itself from here on, so that it can travel further.
  virtual void run(std::unique_ptr<LaneTask> self) = 0;
};

class Lane {
 public:
  // `name` is what the thread is called (15 characters reach /proc). The thread starts with the first task.
  explicit Lane(std::string name);
  // What was posted is still done, on the lane's thread; nobody waits for it, since a finalizer must not
  // block.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // 0, or the errno of a thread that could not be started; the task is then destroyed without having run.
  int post(std::unique_ptr<LaneTask> task);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Lets go of `share` on the lane: closing a device or a data descriptor can wait for a driver, which a
// finalizer must not.
template <typename T>
void dropOn(Lane& lane, std::shared_ptr<T> share) {
  class Drop final : public LaneTask {
   public:
    explicit Drop(std::shared_ptr<T> share) : share_(std::move(share)) {}
    void run(std::unique_ptr<LaneTask>) override { share_.reset(); }

   private:
    std::shared_ptr<T> share_;
  };
  if (share) lane.post(std::make_unique<Drop>(std::move(share)));
}

}  // namespace vfm
