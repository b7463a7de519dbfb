// SPDX-License-Identifier: MIT
// What one environment (the main thread, or a Worker) owns: its way back from the lanes, its classes, and the
// JavaScript memory that a lane is reading right now.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "binding/completions.h"
#include "binding/failure.h"
#include "core/base/span.h"
#include "core/events/reactor.h"

namespace vfm::binding {

// Counts the lane work that reads JavaScript memory: a Worker's memory must not vanish under it.
class PinCount {
 public:
  void add() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++active_;
  }
  void remove() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--active_ == 0) idle_.notify_all();
  }
  // Bounded: a driver that never returns must not keep a Worker from ending.
  void waitUntilIdle();

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t active_ = 0;
};

// JavaScript memory that lane work may read, or fill where that is what was asked for, until `done` is called
// there; the view stays referenced until the promise settles.
class Pinned {
 public:
  Pinned() = default;
  Pinned(Bytes bytes, uint64_t id, std::shared_ptr<PinCount> count)
      : bytes(bytes), id(id), count_(std::move(count)) {}
  void done() {
    if (count_) std::exchange(count_, nullptr)->remove();
  }

  Bytes bytes;
  uint64_t id = 0;

 private:
  std::shared_ptr<PinCount> count_;
};

class Runtime {
 public:
  // Null with a pending exception on failure.
  static Runtime* install(Napi::Env env);
  static Runtime& of(Napi::Env env) { return *env.GetInstanceData<Runtime>(); }
  ~Runtime();

  const std::shared_ptr<Completions>& completions() const { return completions_; }
  // The environment's one thread for eventfds; it starts with the first watch.
  Result<std::shared_ptr<Reactor>> reactor();
  Napi::FunctionReference& classOf(const char* name) { return classes_[name]; }

  Pinned pin(Napi::TypedArrayOf<uint8_t> view);
  void unpin(uint64_t id) { pins_.erase(id); }

  // Runs `work` (() -> Result<T>) on the lane and answers a promise of `convert` (Napi::Env, T) or of a
  // failure object. `settled` runs on the JavaScript thread before either. Work and convert own what they
  // need: neither may hold a JavaScript reference.
  template <typename T, typename Work, typename Convert, typename Settled>
  Napi::Value run(Napi::Env env, Lane& lane, Work work, Convert convert, Settled settled);
  template <typename T, typename Work, typename Convert>
  Napi::Value run(Napi::Env env, Lane& lane, Work work, Convert convert) {
    return run<T>(env, lane, std::move(work), std::move(convert), [](Napi::Env) {});
  }

 private:
  Runtime() = default;
  static void onCleanup(void* self);

  napi_env env_ = nullptr;
  std::shared_ptr<Completions> completions_;
  std::shared_ptr<Reactor> reactor_;
  std::map<std::string, Napi::FunctionReference> classes_;
  std::map<uint64_t, Napi::Reference<Napi::TypedArrayOf<uint8_t>>> pins_;
  std::shared_ptr<PinCount> pinCount_ = std::make_shared<PinCount>();
  uint64_t nextPin_ = 1;
};

// A promise that is already settled with a failure object.
Napi::Value failed(Napi::Env env, const Failure& failure);

namespace detail {

template <typename T, typename Work, typename Convert, typename Settled>
class Job final : public LaneTask, public Completion {
 public:
  Job(std::shared_ptr<Completions> completions, Napi::Promise::Deferred deferred, Work work, Convert convert,
      Settled settled)
      : completions_(std::move(completions)),
        deferred_(deferred),
        work_(std::in_place, std::move(work)),
        convert_(std::move(convert)),
        settled_(std::move(settled)) {}

  void run(std::unique_ptr<LaneTask> self) override {
    result_.emplace((*work_)());
    work_.reset();  // what the work held goes here, where closing a descriptor may take its time
    static_cast<void>(self.release());
    const std::shared_ptr<Completions> completions = completions_;
    completions->post(std::unique_ptr<Completion>(this));
  }

  void settle(Napi::Env env) override {
    settled_(env);
    if (result_->ok()) {
      deferred_.Resolve(convert_(env, std::move(*result_).value()));
    } else {
      deferred_.Resolve(toObject(env, result_->failure()));
    }
  }

 private:
  std::shared_ptr<Completions> completions_;
  Napi::Promise::Deferred deferred_;
  std::optional<Work> work_;
  Convert convert_;
  Settled settled_;
  std::optional<Result<T>> result_;
};

}  // namespace detail

template <typename T, typename Work, typename Convert, typename Settled>
Napi::Value Runtime::run(Napi::Env env, Lane& lane, Work work, Convert convert, Settled settled) {
  auto deferred = Napi::Promise::Deferred::New(env);
  const Napi::Promise promise = deferred.Promise();
  using JobOf = detail::Job<T, Work, Convert, Settled>;
  Settled onError = settled;
  const int error = lane.post(std::make_unique<JobOf>(completions_, deferred, std::move(work),
                                                      std::move(convert), std::move(settled)));
  if (error != 0) {
    onError(env);
    deferred.Resolve(toObject(env, Failure::system(error, "pthread_create", "a thread for this device")));
    return promise;
  }
  completions_->expect();
  return promise;
}

}  // namespace vfm::binding
