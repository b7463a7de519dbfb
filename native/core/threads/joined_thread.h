// SPDX-License-Identifier: MIT
// A thread that somebody waits for, unlike a lane's. std::thread says by an exception that none could be
// started.
#pragma once

#include <pthread.h>

#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace vfm {

class JoinedThread {
 public:
  // `name` is what the thread is called (15 characters reach /proc).
  static Result<std::unique_ptr<JoinedThread>> start(const std::string& name, std::function<void()> body);
  // Waits for the body to return.
  ~JoinedThread() { ::pthread_join(thread_, nullptr); }
  JoinedThread(const JoinedThread&) = delete;
  JoinedThread& operator=(const JoinedThread&) = delete;

 private:
  explicit JoinedThread(pthread_t thread) : thread_(thread) {}
  pthread_t thread_;
};

}  // namespace vfm
