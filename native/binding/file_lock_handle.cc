// SPDX-License-Identifier: MIT
#include "binding/file_lock_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "core/io/file_lock.h"

namespace vfm::binding {
namespace {

// A descriptor of our own: should the caller close his early, the number may become another file.
Result<std::shared_ptr<UniqueFd>> duplicateOf(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return Failure::system(errno, "fcntl", "lock descriptor " + std::to_string(fd));
  return std::make_shared<UniqueFd>(std::move(copy));
}

}  // namespace

Napi::Function FileLockHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName, {InstanceMethod<&FileLockHandle::release>("release")});
}

FileLockHandle::FileLockHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<FileLockHandle>(info), lane_(std::in_place, "vfm:lock") {
  fd_ = takeInit<Init>(info).fd;
}

Napi::Value FileLockHandle::release(const Napi::CallbackInfo& info) {
  if (!lane_) return failed(info.Env(), closed("release a lock"));
  const Napi::Value released = Runtime::of(info.Env())
                                   .run<std::nullptr_t>(
                                       info.Env(), *lane_,
                                       [fd = std::move(fd_)]() -> Result<std::nullptr_t> {
                                         Status unlocked = unlockFile(fd->get());
                                         if (!unlocked) return std::move(unlocked).failure();
                                         return nullptr;
                                       },
                                       [](Napi::Env env, std::nullptr_t) { return null(env); });
  lane_.reset();
  return released;
}

Napi::Value lockDescriptor(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto copy = duplicateOf(fd);
  if (!copy) return failed(info.Env(), copy.failure());
  Lane lane("vfm:lock");  // a network's file system may take its time
  return Runtime::of(info.Env())
      .run<std::shared_ptr<UniqueFd>>(
          info.Env(), lane,
          [fd = std::move(*copy)]() -> Result<std::shared_ptr<UniqueFd>> {
            auto state = lockFile(fd->get());
            if (!state) return std::move(state).failure();
            return *state == LockState::kOurs ? fd : std::shared_ptr<UniqueFd>();
          },
          [](Napi::Env env, std::shared_ptr<UniqueFd> fd) -> Napi::Value {
            if (!fd) return env.Null();
            return make<FileLockHandle>(env, {std::move(fd)});
          });
}

Napi::Value isDescriptorLocked(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  auto copy = duplicateOf(fd);
  if (!copy) return failed(info.Env(), copy.failure());
  Lane lane("vfm:lock");
  return Runtime::of(info.Env())
      .run<LockState>(
          info.Env(), lane, [fd = std::move(*copy)] { return probeFileLock(fd->get()); },
          [](Napi::Env env, LockState state) -> Napi::Value {
            return Napi::Boolean::New(env, state == LockState::kHeldByAnother);
          });
}

}  // namespace vfm::binding
