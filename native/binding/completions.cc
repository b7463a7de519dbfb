// SPDX-License-Identifier: MIT
#include "binding/completions.h"

namespace vfm::binding {

std::shared_ptr<Completions> Completions::create(Napi::Env env) {
  std::shared_ptr<Completions> completions(new Completions());
  completions->env_ = env;
  const Napi::String name = Napi::String::New(env, "vfio-migration");
  // The context is a share of its own: calls may still be on their way when the environment's share is gone.
  auto context = std::make_unique<std::shared_ptr<Completions>>(completions);
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, context.get(),
      [](napi_env, void*, void* hint) {
        std::unique_ptr<std::shared_ptr<Completions>>(static_cast<std::shared_ptr<Completions>*>(hint));
      },
      context.get(), &Completions::onCall, &completions->function_);
  if (status != napi_ok) {
    Napi::Error::New(env).ThrowAsJavaScriptException();
    return nullptr;
  }
  context.release();  // its finalizer's now
  napi_unref_threadsafe_function(env, completions->function_);
  completions->alive_ = true;
  return completions;
}

void Completions::expect() {
  if (expected_++ == 0 && alive_) napi_ref_threadsafe_function(env_, function_);
}

void Completions::relent() {
  if (--expected_ == 0 && alive_) napi_unref_threadsafe_function(env_, function_);
}

void Completions::post(std::unique_ptr<Completion> completion) {
  if (!alive_) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool waking = !done_.empty();
    done_.push_back(std::move(completion));
    if (waking) return;
  }
  // Not with the queue locked: whom this wakes wants the queue first of all.
  std::lock_guard<std::mutex> gate(gate_);
  if (alive_ && napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_closing)
    alive_ = false;
}

void Completions::onCall(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;
  auto& completions = *static_cast<std::shared_ptr<Completions>*>(context);
  completions->drain(Napi::Env(env));
}

void Completions::drain(Napi::Env env) {
  std::deque<std::unique_ptr<Completion>> ready;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ready.swap(done_);
  }
  for (auto& completion : ready) {
    Napi::HandleScope scope(env);
    const bool expected = completion->isExpected();
    completion->settle(env);
    completion.reset();
    if (expected) relent();
  }
}

void Completions::shut() {
  {
    std::lock_guard<std::mutex> gate(gate_);
    if (!alive_) return;
    alive_ = false;
    napi_release_threadsafe_function(function_, napi_tsfn_abort);
  }
  std::deque<std::unique_ptr<Completion>> dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(done_);
}

}  // namespace vfm::binding
