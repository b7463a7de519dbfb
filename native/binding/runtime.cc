// SPDX-License-Identifier: MIT
#include "binding/runtime.h"

#include <chrono>

namespace vfm::binding {

void PinCount::waitUntilIdle() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait_for(lock, std::chrono::seconds(2), [this] { return active_ == 0; });
}

Runtime* Runtime::install(Napi::Env env) {
  auto completions = Completions::create(env);
  if (!completions) return nullptr;
  std::unique_ptr<Runtime> runtime(new Runtime());
  runtime->env_ = env;
  runtime->completions_ = std::move(completions);
  Runtime* installed = runtime.release();
  env.SetInstanceData(installed);  // deletes it with the environment
  napi_add_env_cleanup_hook(env, &Runtime::onCleanup, installed);
  return installed;
}

// An unreleased thread-safe function would keep the environment from ending; instance data is deleted only
// after the hooks.
void Runtime::onCleanup(void* self) {
  auto* runtime = static_cast<Runtime*>(self);
  runtime->completions_->shut();
  runtime->reactor_.reset();
  runtime->pinCount_->waitUntilIdle();
}

Runtime::~Runtime() = default;

Result<std::shared_ptr<Reactor>> Runtime::reactor() {
  if (!reactor_) {
    auto reactor = Reactor::create();
    if (!reactor.ok()) return std::move(reactor).failure();
    reactor_ = std::move(*reactor);
  }
  return reactor_;
}

Pinned Runtime::pin(Napi::TypedArrayOf<uint8_t> view) {
  const uint64_t id = nextPin_++;
  pins_.emplace(id, Napi::Persistent(view));
  pinCount_->add();
  return Pinned(Bytes{view.Data(), view.ByteLength()}, id, pinCount_);
}

Napi::Value failed(Napi::Env env, const Failure& failure) {
  auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Resolve(toObject(env, failure));
  return deferred.Promise();
}

}  // namespace vfm::binding
