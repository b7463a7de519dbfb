// SPDX-License-Identifier: MIT
#include "core/kernel/group_registry.h"

#include "core/kernel/group.h"

namespace vfm::kernel {

GroupRegistry& GroupRegistry::instance() {
  // Never destroyed: a device may be closed by a static destructor that runs after this one's would.
  static auto& registry = *std::make_unique<GroupRegistry>().release();
  return registry;
}

std::shared_ptr<Group> GroupRegistry::find(Sys& sys, const std::string& path) {
  std::lock_guard lock(mutex_);
  auto found = groups_.find(Key{&sys, path});
  return found == groups_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Group> GroupRegistry::remember(const Key& key, std::unique_ptr<Group> group) {
  std::shared_ptr<Group> shared(group.release(), [this, key](Group* last) { forget(key, last); });
  groups_[key] = shared;
  return shared;
}

void GroupRegistry::forget(const Key& key, Group* group) {
  // Closed outside the lock (a close may take long: it can reset devices), forgotten after: until then others
  // wait.
  std::unique_ptr<Group>(group).reset();
  {
    std::lock_guard lock(mutex_);
    groups_.erase(key);
  }
  closed_.notify_all();
}

}  // namespace vfm::kernel
