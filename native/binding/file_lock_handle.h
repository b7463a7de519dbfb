// SPDX-License-Identifier: MIT
// NativeFileLock: a lock on a file that is held.
#pragma once

#include <optional>

#include "binding/handle.h"
#include "core/base/unique_fd.h"

namespace vfm::binding {

class FileLockHandle : public Napi::ObjectWrap<FileLockHandle> {
 public:
  static constexpr const char* kName = "FileLock";
  struct Init {
    std::shared_ptr<UniqueFd> fd;  // a duplicate of the locked description
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit FileLockHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value release(const Napi::CallbackInfo& info);

  // Gone once released. Dropped without that, the lock lasts as long as its file is open elsewhere.
  std::optional<Lane> lane_;
  std::shared_ptr<UniqueFd> fd_;
};

// lockDescriptor(fd): a promise of a lock; of null when another description has it.
Napi::Value lockDescriptor(const Napi::CallbackInfo& info);
// isDescriptorLocked(fd): a promise of whether another description has it.
Napi::Value isDescriptorLocked(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
