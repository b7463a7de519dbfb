// SPDX-License-Identifier: MIT
// The way back from the lanes to the JavaScript thread of one environment (a Worker has its own), and the
// promise that waits there.
#pragma once

#include <napi.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "core/base/result.h"
#include "core/threads/lane.h"

namespace vfm::binding {

class Completion {
 public:
  virtual ~Completion() = default;
  // On the JavaScript thread. Never called when the environment is gone, so a completion holds nothing that
  // only JavaScript can free.
  virtual void settle(Napi::Env env) = 0;
  // Whether expect() was called for it: not for news that may come or not.
  virtual bool isExpected() const { return true; }
};

class Completions : public std::enable_shared_from_this<Completions> {
 public:
  // Null with a pending exception when the environment cannot give a thread-safe function.
  static std::shared_ptr<Completions> create(Napi::Env env);

  // JavaScript thread: from here on the process stays alive until the completion has settled.
  void expect();
  // JavaScript thread: takes one expect() back, where nothing came or will come.
  void relent();
  // Any thread. Dropped when the environment is gone.
  void post(std::unique_ptr<Completion> completion);
  // JavaScript thread, when the environment goes: lanes may still post, nothing settles any more.
  void shut();

 private:
  Completions() = default;
  static void onCall(napi_env env, napi_value callback, void* context, void* data);
  void drain(Napi::Env env);

  std::mutex mutex_;  // of what is done
  std::deque<std::unique_ptr<Completion>> done_;
  std::mutex gate_;  // of the function: held while it is called, so that it is not released meanwhile
  napi_threadsafe_function function_ = nullptr;
  napi_env env_ = nullptr;
  std::atomic<bool> alive_{false};
  size_t expected_ = 0;  // JavaScript thread only
};

}  // namespace vfm::binding
