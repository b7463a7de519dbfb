// SPDX-License-Identifier: MIT
#include "core/threads/joined_thread.h"

#include <signal.h>

namespace vfm {
namespace {

void* run(void* argument) {
  const std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<JoinedThread>> JoinedThread::start(const std::string& name,
                                                          std::function<void()> body) {
  auto handed = std::make_unique<std::function<void()>>(std::move(body));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 512 * 1024);
  // Signals are for the threads that their owner knows: the new one begins with all of them blocked.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, &run, handed.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return Failure::system(error, "pthread_create", "a thread called " + name);
  handed.release();  // the thread's now
  pthread_setname_np(thread, name.substr(0, 15).c_str());
  return std::unique_ptr<JoinedThread>(new JoinedThread(thread));
}

}  // namespace vfm
