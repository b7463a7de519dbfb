// SPDX-License-Identifier: MIT
// Which groups this process has open.
//
// The kernel opens a group once per machine: the second open is EBUSY, also within the same process. So
// whoever opens the second device of a group must find the first one's descriptor, wherever in the process
// that was opened, be it another worker thread with its own copy of the addon's JavaScript. That makes it
// process-wide, and the only such state of this backend.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/base/result.h"

namespace vfm::kernel {

class Group;
class Sys;

class GroupRegistry {
 public:
  static GroupRegistry& instance();

  // The open group of that path, or what `open` makes of it. A group that is being closed at this moment is
  // waited for: the kernel would answer EBUSY.
  template <typename Open>
  Result<std::shared_ptr<Group>> findOrOpen(Sys& sys, const std::string& path, Open open) {
    const Key key{&sys, path};
    std::unique_lock lock(mutex_);
    for (;;) {
      auto found = groups_.find(key);
      if (found == groups_.end()) break;
      if (auto group = found->second.lock()) return group;
      closed_.wait(lock);
    }
    Result<std::unique_ptr<Group>> opened = open();
    if (!opened) return std::move(opened).failure();
    return remember(key, std::move(opened).value());
  }

  // The open group of that path, or null.
  std::shared_ptr<Group> find(Sys& sys, const std::string& path);

 private:
  using Key = std::pair<const Sys*, std::string>;

  std::shared_ptr<Group> remember(const Key& key, std::unique_ptr<Group> group);
  void forget(const Key& key, Group* group);

  std::mutex mutex_;
  std::condition_variable closed_;
  std::map<Key, std::weak_ptr<Group>> groups_;
};

}  // namespace vfm::kernel
