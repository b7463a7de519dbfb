// SPDX-License-Identifier: MIT
// Every system call of the kernel backend goes through this table, so that tests drive the real code with a
// kernel that answers what they want, errno by errno. Nothing else in this directory calls the kernel.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/result.h"

namespace vfm::kernel {

// Every call answers as the kernel does: a negative errno on failure, else the call's value. errno itself is
// never used: a destructor between the call and the test of errno would change it.
class Sys {
 public:
  virtual ~Sys() = default;

  virtual int open(const char* path, int flags) = 0;
  virtual int close(int fd) = 0;
  virtual int ioctl(int fd, unsigned long request, void* argument) = 0;
  virtual int ioctl(int fd, unsigned long request,
                    uint64_t argument) = 0;  // requests whose argument is a number
  virtual ssize_t pread(int fd, void* into, size_t size, uint64_t offset) = 0;
  virtual ssize_t pwrite(int fd, const void* from, size_t size, uint64_t offset) = 0;
  virtual ssize_t read(int fd, void* into, size_t size) = 0;
  virtual ssize_t write(int fd, const void* from, size_t size) = 0;
  virtual int mmap(size_t size, int protection, int flags, int fd, uint64_t offset, void** address) = 0;
  virtual int munmap(void* address, size_t size) = 0;
  virtual int fcntl(int fd, int command, long argument) = 0;
  virtual int fstat(int fd, struct stat* status) = 0;
  virtual ssize_t readlink(const char* path, char* into, size_t size) = 0;
  virtual int poll(struct pollfd* fds, unsigned count, int timeoutMilliseconds) = 0;
  virtual int epollCreate() = 0;
  virtual int epollAdd(int epoll, int fd, uint32_t events) = 0;
  virtual int eventfd() = 0;  // non-blocking and close-on-exec
  virtual int pidfdOpen(int pid) = 0;
  virtual int pidfdGetfd(int pidfd, int fd) = 0;  // close-on-exec, as the kernel makes it
  virtual int getrlimit(int resource, struct rlimit* limit) = 0;
  virtual size_t pageSize() const = 0;

  // The machine's kernel. Lives as long as the process.
  static Sys& real();
};

// The sole owner of a descriptor that came from `sys`. (UniqueFd closes through libc and would close a
// stranger's descriptor when the number came from a test's kernel.) `sys` must outlive it.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(Sys& sys, int fd) : sys_(&sys), fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept
      : sys_(std::exchange(other.sys_, nullptr)), fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      sys_ = std::exchange(other.sys_, nullptr);
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  // Never retries close() on EINTR: Linux has released the number by then, and another thread may own it.
  void reset() {
    if (fd_ >= 0) sys_->close(fd_);
    fd_ = -1;
  }

 private:
  Sys* sys_ = nullptr;
  int fd_ = -1;
};

// Repeats a call that a signal interrupted before it did anything.
template <typename Call>
auto retryInterrupted(Call call) -> decltype(call()) {
  for (;;) {
    auto result = call();
    if (result != -EINTR) return result;
  }
}

// The failure of an ioctl, from the negative errno that Sys answered.
inline Failure ioctlFailure(int result, std::string operation, std::string detail = {}) {
  return Failure::system(-result, "ioctl", std::move(operation), std::move(detail));
}

}  // namespace vfm::kernel
