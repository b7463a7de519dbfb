// SPDX-License-Identifier: MIT
#include "core/kernel/sys.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Older C libraries have the calls without their numbers; every architecture has the same ones.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

namespace vfm::kernel {
namespace {

template <typename Value>
Value answer(Value value) {
  return value < 0 ? static_cast<Value>(-errno) : value;
}

class RealSys final : public Sys {
 public:
  int open(const char* path, int flags) override { return answer(::open(path, flags | O_CLOEXEC)); }
  int close(int fd) override { return answer(::close(fd)); }
  int ioctl(int fd, unsigned long request, void* argument) override {
    return answer(::ioctl(fd, request, argument));
  }
  int ioctl(int fd, unsigned long request, uint64_t argument) override {
    return answer(::ioctl(fd, request, static_cast<unsigned long>(argument)));
  }
  ssize_t pread(int fd, void* into, size_t size, uint64_t offset) override {
    return answer(::pread64(fd, into, size, static_cast<off64_t>(offset)));
  }
  ssize_t pwrite(int fd, const void* from, size_t size, uint64_t offset) override {
    return answer(::pwrite64(fd, from, size, static_cast<off64_t>(offset)));
  }
  ssize_t read(int fd, void* into, size_t size) override { return answer(::read(fd, into, size)); }
  ssize_t write(int fd, const void* from, size_t size) override { return answer(::write(fd, from, size)); }
  int mmap(size_t size, int protection, int flags, int fd, uint64_t offset, void** address) override {
    void* mapped = ::mmap64(nullptr, size, protection, flags, fd, static_cast<off64_t>(offset));
    if (mapped == MAP_FAILED) return -errno;
    *address = mapped;
    return 0;
  }
  int munmap(void* address, size_t size) override { return answer(::munmap(address, size)); }
  int fcntl(int fd, int command, long argument) override { return answer(::fcntl(fd, command, argument)); }
  int fstat(int fd, struct stat* status) override { return answer(::fstat(fd, status)); }
  ssize_t readlink(const char* path, char* into, size_t size) override {
    return answer(::readlink(path, into, size));
  }
  int poll(struct pollfd* fds, unsigned count, int timeoutMilliseconds) override {
    return answer(::poll(fds, count, timeoutMilliseconds));
  }
  int epollCreate() override { return answer(::epoll_create1(EPOLL_CLOEXEC)); }
  int epollAdd(int epoll, int fd, uint32_t events) override {
    struct epoll_event event {};
    event.events = events;
    return answer(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  }
  int eventfd() override { return answer(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
  int pidfdOpen(int pid) override { return answer(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }
  int pidfdGetfd(int pidfd, int fd) override {
    return answer(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, fd, 0)));
  }
  int getrlimit(int resource, struct rlimit* limit) override {
    return answer(::getrlimit(static_cast<__rlimit_resource>(resource), limit));
  }
  size_t pageSize() const override { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }
};

}  // namespace

Sys& Sys::real() {
  static RealSys sys;
  return sys;
}

}  // namespace vfm::kernel
