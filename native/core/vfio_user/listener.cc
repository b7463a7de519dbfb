// SPDX-License-Identifier: MIT
#include "core/vfio_user/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace vfm::vfio_user {
namespace {

// Clients that come while another is served wait here.
constexpr int kBacklog = 16;

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

Status checkDirectory(int directory, const std::string& path, const ListenerOptions& options) {
  if (options.anyDirectory) return {};
  struct stat info {};
  const std::string operation = "directory of the socket " + path;
  if (::fstat(directory, &info) != 0) return Failure::system(errno, "fstat", operation);
  if (info.st_uid != ::geteuid()) {
    return Failure::system(EACCES, "", operation,
                           "it belongs to user " + std::to_string(info.st_uid) +
                               ": choose a directory of your own, or force it");
  }
  const bool others = !options.allowedUsers.empty();
  const mode_t forbidden = others ? 0022 : 0077;
  if ((info.st_mode & forbidden) == 0) return {};
  return Failure::system(EACCES, "", operation,
                         std::string("others can ") + (others ? "write to" : "enter") + " it (mode " +
                             octal(info.st_mode) + "): chmod " + (others ? "755" : "700") +
                             " it, or force it");
}

// The socket by way of its directory's descriptor: whatever becomes of the path meanwhile, and however long
// it is.
Result<sockaddr_un> addressIn(int directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  if (path.size() >= sizeof address.sun_path) {
    return Failure::system(ENAMETOOLONG, "", "name of the socket", name + " is too long");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Makes room for the socket, the directory locked against others of us who do the same.
Status clearAway(int directory, const std::string& name, const sockaddr_un& address,
                 const std::string& path) {
  const std::string operation = "socket " + path;
  struct stat there {};
  if (::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : Status(Failure::system(errno, "fstatat", operation));
  }
  if (!S_ISSOCK(there.st_mode)) {
    return Failure::system(EEXIST, "bind", operation, "something that is no socket is there already");
  }
  UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return Failure::system(errno, "socket", operation);
  const int connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  if (connected == ENOENT) return {};
  if (connected != ECONNREFUSED) {
    return Failure::system(EADDRINUSE, "bind", operation, "somebody listens there already");
  }
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
    return Failure::system(errno, "unlinkat", operation, "a socket that nobody listens on");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(const std::string& path, const ListenerOptions& options) {
  const std::string operation = "socket " + path;
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (name.empty() || name == "." || name == ".." || path.find('\0') != std::string::npos) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            "a socket has a path with a name at its end");
  }
  UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return Failure::system(errno, "open", operation, "its directory " + folder);
  if (Status safe = checkDirectory(directory.get(), path, options); !safe) return std::move(safe).failure();
  auto address = addressIn(directory.get(), name);
  if (!address) return std::move(address).failure();

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure::system(errno, "socket", operation);
  // Before there is anything to connect to: bind() gives the node the permissions that the socket has.
  if (::fchmod(fd.get(), 0600) != 0) return Failure::system(errno, "fchmod", operation);
  while (::flock(directory.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Failure::system(errno, "flock", operation);
  }
  if (Status cleared = clearAway(directory.get(), name, *address, path); !cleared)
    return std::move(cleared).failure();
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Failure::system(errno, "bind", operation);
  }
  struct stat made {};
  const bool known = ::fstatat(directory.get(), name.c_str(), &made, AT_SYMLINK_NOFOLLOW) == 0;
  std::unique_ptr<Listener> listener(new Listener(std::move(fd), std::move(directory), name, made.st_dev,
                                                  made.st_ino, options.allowedUsers));
  if (!known) return Failure::system(ENOENT, "fstatat", operation);
  if (!options.allowedUsers.empty() && ::fchmodat(listener->directory_.get(), name.c_str(), 0666, 0) != 0) {
    return Failure::system(errno, "fchmodat", operation);
  }
  if (::listen(listener->fd_.get(), kBacklog) != 0) return Failure::system(errno, "listen", operation);
  static_cast<void>(::flock(listener->directory_.get(), LOCK_UN));
  return listener;
}

Listener::~Listener() {
  struct stat there {};
  if (::fstatat(directory_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (there.st_dev == device_ && there.st_ino == inode_) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

Result<Listener::Accepted> Listener::accept(const Cancellation& cancellation) {
  const char* operation = "accept of a vfio-user client";
  for (;;) {
    if (cancellation.cancelled()) return Failure::because(Reason::kCancelled, operation);
    pollfd watched[2] = {{fd_.get(), POLLIN, 0}, {cancellation.fd(), POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return Failure::system(errno, "poll", operation);
    if (cancellation.cancelled()) return Failure::because(Reason::kCancelled, operation);
    Accepted accepted;
    accepted.fd.reset(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.fd) {
      const int error = errno;
      if (error == EINTR || error == EAGAIN || error == ECONNABORTED) continue;
      return Failure::system(error, "accept4", operation);
    }
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(accepted.fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      return Failure::system(errno, "getsockopt", operation, "SO_PEERCRED");
    }
    accepted.peer = {credentials.pid, credentials.uid};
    const bool welcome = credentials.uid == 0 || credentials.uid == ::geteuid() ||
                         std::find(allowed_.begin(), allowed_.end(), credentials.uid) != allowed_.end();
    if (!welcome) accepted.fd.reset();
    return accepted;
  }
}

}  // namespace vfm::vfio_user
