// SPDX-License-Identifier: MIT
// The socket a server listens on: made where nobody can get in the way of it, and only as open as asked for.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/io/cancellation.h"

namespace vfm::vfio_user {

struct ListenerOptions {
  // Besides this process's own user and root. With any, the directory may be entered by others (not written),
  // and the socket's permissions let everybody connect; who it is decides.
  std::vector<uid_t> allowedUsers;
  bool anyDirectory = false;
};

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
};

class Listener {
 public:
  // EACCES: the directory is not this user's, or others can enter it; EADDRINUSE: somebody listens there
  // already; EEXIST: something that is no socket is there. A socket that nobody listens on is replaced.
  static Result<std::unique_ptr<Listener>> open(const std::string& path, const ListenerOptions& options);
  // Takes the socket out of the directory, if it is still the one that was put there.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Waits for somebody to connect; kCancelled. The descriptor is null for one who may not, and was let go.
  struct Accepted {
    UniqueFd fd;
    Peer peer;
  };
  Result<Accepted> accept(const Cancellation& cancellation);

 private:
  Listener(UniqueFd fd, UniqueFd directory, std::string name, dev_t device, ino_t inode,
           std::vector<uid_t> allowed)
      : fd_(std::move(fd)),
        directory_(std::move(directory)),
        name_(std::move(name)),
        device_(device),
        inode_(inode),
        allowed_(std::move(allowed)) {}

  UniqueFd fd_;
  UniqueFd directory_;
  std::string name_;  // in the directory
  dev_t device_;
  ino_t inode_;
  std::vector<uid_t> allowed_;
};

}  // namespace vfm::vfio_user
