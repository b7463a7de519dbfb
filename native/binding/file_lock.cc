// SPDX-License-Identifier: MIT
#include "binding/file_lock.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/runtime.h"
#include "core/base/unique_fd.h"
#include "core/io/file_lock.h"

namespace vfm::binding {
namespace {

// A promise of whether the state that `ask` finds is `wanted`.
Napi::Value askForLock(const Napi::CallbackInfo& info, Result<LockState> (*ask)(int fd), LockState wanted) {
  Arguments arguments(info);
  const int borrowed = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  // For the call alone: should the caller close his early, the number may become another file.
  auto fd = std::make_shared<UniqueFd>(::fcntl(borrowed, F_DUPFD_CLOEXEC, 3));
  if (!*fd) {
    return failed(info.Env(), Failure::system(errno, "fcntl", "lock descriptor " + std::to_string(borrowed)));
  }
  Lane lane("vfm:lock");  // a network's file system may take its time
  return Runtime::of(info.Env())
      .run<LockState>(
          info.Env(), lane, [fd, ask] { return ask(fd->get()); },
          [wanted](Napi::Env env, LockState state) -> Napi::Value {
            return Napi::Boolean::New(env, state == wanted);
          });
}

}  // namespace

Napi::Value lockDescriptor(const Napi::CallbackInfo& info) {
  return askForLock(info, &lockFile, LockState::kOurs);
}

Napi::Value isDescriptorLocked(const Napi::CallbackInfo& info) {
  return askForLock(info, &probeFileLock, LockState::kHeldByAnother);
}

}  // namespace vfm::binding
