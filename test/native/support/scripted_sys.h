// SPDX-License-Identifier: MIT
// A kernel that does what a test wants: one container, one group with one migratable device, and on top of
// that whatever errno the test asks for at whatever call. It stands where the machine's kernel stands
// (vfm::kernel::Sys), so the code above it is the code that ships.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/kernel/sys.h"
#include "uapi/container.h"
#include "uapi/device.h"
#include "uapi/feature.h"
#include "uapi/group.h"
#include "uapi/ioeventfd.h"
#include "uapi/irq.h"
#include "uapi/migration_v2.h"
#include "uapi/pci.h"
#include "uapi/region.h"

namespace vfm::test {

class ScriptedSys final : public kernel::Sys {
 public:
  struct File {
    std::string kind;  // "container", "group", "device", "data", ...; also what the log calls it
    bool closeOnExec = true;
    int flags = 0;
  };

  // --- what the test sets
  // ---------------------------------------------------------------------------------------------
  uint32_t groupFlags = uapi::kVfioGroupFlagsViable;
  int apiVersion = 0;
  std::vector<uint64_t> extensions = {uapi::kVfioType1v2Iommu, uapi::kVfioType1Iommu};
  std::map<uint32_t, std::vector<uint8_t>>
      regions;  // whole answers: struct, then chain; its argsz is kept as it is
  uint32_t state = uapi::kVfioDeviceStateRunning;
  uint64_t dataSize = 4096;
  bool dataCloseOnExec = true;
  int lyingDataFd = -1;  // != -1: what SET returns instead of a descriptor
  bool dataPollable = false;
  std::deque<ssize_t>
      reads;  // results of read() on the data: a count (bytes are 0xab) or a negative errno; then 0
  std::deque<ssize_t> writes;     // results of write() on the data; then everything is taken
  std::deque<ssize_t> transfers;  // results of pread and pwrite; then everything is moved
  std::function<void()> duringPoll;
  std::function<void()> duringRead;
  std::function<void(const std::string& kind)> duringClose;
  std::function<void(unsigned long)> duringIoctl;
  // What other scripts answer: the ioctls and device features this one does not know. -ENOTTY without them.
  std::function<int(const std::string& kind, unsigned long request, void* argument)> otherIoctl;
  std::function<int(uint32_t flags, void* payload)> otherFeature;
  // Requests of a container with a struct; their numbers mean other things on a device.
  std::function<int(unsigned long, void*)> onContainer;
  uint64_t memlockLimit = 65536;
  std::map<std::string, std::string> links;
  size_t descriptorLimit = 1024;
  size_t pageBytes = 4096;

  // What shares the device's slot or bus; none: there is no such reset.
  std::vector<uapi::VfioPciDependentDevice> affected;
  uint32_t hotResetFlags = 0;
  std::vector<int32_t> shownGroups;  // what the last hot reset came with

  // The nth call from now (1: the next) of that name fails with `error`, `count` times. Names: open, fcntl,
  // mmap, eventfd, epoll_create, fstat, pread, ..., and for ioctl the request's number.
  void fail(const std::string& call, int error, int nth = 1, int count = 1) {
    faults_.push_back(Fault{call, error, nth, count});
  }
  void fail(unsigned long request, int error, int nth = 1, int count = 1) {
    fail("ioctl " + std::to_string(request), error, nth, count);
  }

  // --- what the test looks at
  // -----------------------------------------------------------------------------------------
  std::vector<std::string> log;  // opens, closes, mappings and the ioctls that change something
  size_t openFiles() const { return files_.size(); }
  const File& file(int fd) const { return files_.at(fd); }
  bool isOpen(int fd) const { return files_.count(fd) != 0; }
  int add(const std::string& kind, bool closeOnExec = true) {
    if (files_.size() >= descriptorLimit) return -EMFILE;
    int fd = 100;
    while (files_.count(fd) != 0) ++fd;
    files_[fd] = File{kind, closeOnExec, 0};
    return fd;
  }
  // Where /sys has the character device that the descriptor is of, as fstat() numbers them.
  static std::string nodeOf(int fd) { return "/sys/dev/char/511:" + std::to_string(fd); }
  int calls(unsigned long request) const {
    auto found = counts_.find(request);
    return found == counts_.end() ? 0 : found->second;
  }
  uint64_t lastOffset = 0;
  std::vector<uint8_t> lastPrecopyInfo;  // the struct as it came in

  // --- the kernel
  // -----------------------------------------------------------------------------------------------------
  int open(const char* path, int) override {
    if (int error = injected("open")) return -error;
    const std::string name = path;
    if (name == "/dev/vfio/vfio") return logged("open", add("container"));
    if (name == "/dev/iommu") return logged("open", add("iommufd"));
    if (name.rfind("/dev/vfio/devices/", 0) == 0) {
      const int fd = add("node");
      if (fd >= 0) links[nodeOf(fd) + "/subsystem"] = "../../../../class/vfio-dev";
      return logged("open", fd);
    }
    if (name.rfind("/dev/vfio/", 0) != 0) return -ENOENT;
    for (const auto& entry : files_) {
      if (entry.second.kind == "group") return -EBUSY;
    }
    return logged("open", add("group"));
  }

  int close(int fd) override {
    auto found = files_.find(fd);
    if (found == files_.end()) {
      log.push_back("close of a stranger");
      return -EBADF;
    }
    log.push_back("close " + found->second.kind);
    run(duringClose, found->second.kind);
    files_.erase(fd);
    return 0;
  }

  int ioctl(int fd, unsigned long request, void* argument) override {
    ++counts_[request];
    run(duringIoctl, request);
    if (!isOpen(fd)) return -EBADF;
    if (int error = injected("ioctl " + std::to_string(request))) return -error;
    if (file(fd).kind == "container") return onContainer ? onContainer(request, argument) : -ENOTTY;
    // The numbers of these two mean something else on a container.
    if (file(fd).kind == "device" && request == uapi::kVfioDeviceGetPciHotResetInfo)
      return hotResetInfo(argument);
    if (file(fd).kind == "device" && request == uapi::kVfioDevicePciHotReset) return hotReset(argument);
    switch (request) {
      case uapi::kVfioGroupGetStatus:
        static_cast<uapi::VfioGroupStatus*>(argument)->flags = groupFlags;
        return 0;
      case uapi::kVfioGroupSetContainer:
        if (!isOpen(*static_cast<int32_t*>(argument))) return -EBADF;
        log.push_back("set container");
        return 0;
      case uapi::kVfioGroupGetDeviceFd:
        lastDeviceName = static_cast<const char*>(argument);
        return logged("get", add("device"));
      case uapi::kVfioDeviceGetInfo: {
        auto* info = static_cast<uapi::VfioDeviceInfo*>(argument);
        info->flags = 3;
        info->num_regions = deviceRegions;
        info->num_irqs = 5;
        return 0;
      }
      case uapi::kVfioDeviceGetRegionInfo:
        return regionInfo(argument);
      case uapi::kVfioDeviceGetIrqInfo: {
        auto* info = static_cast<uapi::VfioIrqInfo*>(argument);
        if (info->index > 4) return -EINVAL;
        info->flags = 1;
        info->count = irqCount;
        return 0;
      }
      case uapi::kVfioDeviceSetIrqs: {
        const auto* bytes = static_cast<const uint8_t*>(argument);
        uint32_t size = 0;
        std::memcpy(&size, bytes, sizeof(size));  // argsz; a sanitizer tells when it is not all there
        lastIrqSet.assign(bytes, bytes + size);
        return irqVectorsLeft;
      }
      case uapi::kVfioDeviceIoeventfd:
        std::memcpy(&lastIoeventfd, argument, sizeof(lastIoeventfd));
        return 0;
      case uapi::kVfioDeviceFeature:
        return feature(argument);
      case uapi::kVfioMigGetPrecopyInfo: {
        auto* info = static_cast<uapi::VfioPrecopyInfo*>(argument);
        const auto* bytes = static_cast<const uint8_t*>(argument);
        lastPrecopyInfo.assign(bytes, bytes + sizeof(*info));
        info->initial_bytes = 24;  // one of the two only, as mlx5 does
        return 0;
      }
      default:
        return otherIoctl ? otherIoctl(file(fd).kind, request, argument) : -ENOTTY;
    }
  }
  uint32_t deviceRegions = 9;
  uint32_t irqCount = 3;
  int irqVectorsLeft = 0;  // what SET_IRQS answers: more than 0 where vfio-pci could not get them all
  std::vector<uint8_t> lastIrqSet;  // the request, argsz bytes of it
  uapi::VfioDeviceIoeventfd lastIoeventfd{};
  std::string lastDeviceName;

  int ioctl(int fd, unsigned long request, uint64_t argument) override {
    ++counts_[request];
    if (!isOpen(fd)) return -EBADF;
    run(duringIoctl, request);
    if (int error = injected("ioctl " + std::to_string(request))) return -error;
    switch (request) {
      case uapi::kVfioGetApiVersion:
        return apiVersion;
      case uapi::kVfioCheckExtension:
        return std::count(extensions.begin(), extensions.end(), argument) != 0 ? 1 : 0;
      case uapi::kVfioSetIommu:
        log.push_back("set iommu " + std::to_string(argument));
        return 0;
      case uapi::kVfioGroupUnsetContainer:
        log.push_back("unset container");
        return 0;
      case uapi::kVfioDeviceReset:
        log.push_back("reset");
        state = uapi::kVfioDeviceStateRunning;
        return 0;
      default:
        return -ENOTTY;
    }
  }

  ssize_t pread(int fd, void* into, size_t size, uint64_t offset) override {
    if (!isOpen(fd)) return -EBADF;
    if (int error = injected("pread")) return -error;
    lastOffset = offset;
    const ssize_t moved = next(transfers, static_cast<ssize_t>(size));
    if (moved > 0) std::memset(into, 0xcd, static_cast<size_t>(moved));
    return moved;
  }
  ssize_t pwrite(int fd, const void*, size_t size, uint64_t offset) override {
    if (!isOpen(fd)) return -EBADF;
    if (int error = injected("pwrite")) return -error;
    lastOffset = offset;
    return next(transfers, static_cast<ssize_t>(size));
  }
  ssize_t read(int fd, void* into, size_t size) override {
    if (!isOpen(fd)) return -EBADF;
    run(duringRead);
    if (int error = injected("read")) return -error;
    const ssize_t moved = std::min(next(reads, 0), static_cast<ssize_t>(size));
    if (moved > 0) std::memset(into, 0xab, static_cast<size_t>(moved));
    return moved;
  }
  ssize_t write(int fd, const void*, size_t size) override {
    if (!isOpen(fd)) return -EBADF;
    if (file(fd).kind == "eventfd") return static_cast<ssize_t>(size);
    if (int error = injected("write")) return -error;
    return next(writes, static_cast<ssize_t>(size));
  }
  int mmap(size_t size, int protection, int flags, int fd, uint64_t offset, void** address) override {
    if (!isOpen(fd)) return -EBADF;
    if (int error = injected("mmap")) return -error;
    lastOffset = offset;
    lastProtection = protection;
    if ((flags & MAP_SHARED) == 0) return -EINVAL;
    memory_.emplace_back(size);
    *address = memory_.back().data();
    log.push_back("mmap");
    return 0;
  }
  int lastProtection = 0;
  int munmap(void*, size_t) override {
    log.push_back("munmap");
    return 0;
  }
  int fcntl(int fd, int command, long argument) override {
    auto found = files_.find(fd);
    if (found == files_.end()) return -EBADF;
    if (int error = injected("fcntl")) return -error;
    switch (command) {
      case F_DUPFD_CLOEXEC:
        return add("duplicate of " + found->second.kind);
      case F_GETFD:
        return found->second.closeOnExec ? FD_CLOEXEC : 0;
      case F_SETFD:
        found->second.closeOnExec = (argument & FD_CLOEXEC) != 0;
        return 0;
      case F_GETFL:
        return found->second.flags;
      case F_SETFL:
        found->second.flags = static_cast<int>(argument);
        return 0;
      default:
        return -EINVAL;
    }
  }
  int fstat(int fd, struct stat* status) override {
    auto found = files_.find(fd);
    if (found == files_.end()) return -EBADF;
    *status = {};
    const bool node = links.count("/proc/self/fd/" + std::to_string(fd)) == 0;
    status->st_mode = node ? S_IFCHR : 0;
    status->st_rdev = node ? makedev(511, static_cast<unsigned>(fd)) : 0;
    return 0;
  }
  ssize_t readlink(const char* path, char* into, size_t size) override {
    auto found = links.find(path);
    if (found == links.end()) return -ENOENT;
    const size_t length = std::min(size, found->second.size());
    std::memcpy(into, found->second.data(), length);
    return static_cast<ssize_t>(length);
  }
  int poll(struct pollfd*, unsigned, int) override {
    ++polls;
    run(duringPoll);
    return 1;
  }
  int polls = 0;
  int epollCreate() override {
    if (int error = injected("epoll_create")) return -error;
    return add("epoll");
  }
  int epollAdd(int, int, uint32_t) override { return dataPollable ? 0 : -EPERM; }
  int eventfd() override {
    if (int error = injected("eventfd")) return -error;
    return add("eventfd");
  }
  int pidfdOpen(int) override {
    if (int error = injected("pidfd_open")) return -error;
    return add("pidfd");
  }
  int pidfdGetfd(int pidfd, int) override {
    if (!isOpen(pidfd)) return -EBADF;
    if (int error = injected("pidfd_getfd")) return -error;
    return add("taken");
  }
  int getrlimit(int, struct rlimit* limit) override {
    limit->rlim_cur = limit->rlim_max = memlockLimit;
    return 0;
  }
  size_t pageSize() const override { return pageBytes; }

 private:
  struct Fault {
    std::string call;
    int error;
    int nth;
    int count;
  };

  // A copy runs: a hook may replace itself.
  template <typename Hook, typename... Arguments>
  static void run(const Hook& hook, Arguments... arguments) {
    if (Hook copy = hook) copy(arguments...);
  }

  int injected(const std::string& call) {
    for (Fault& fault : faults_) {
      if (fault.call != call || fault.count == 0) continue;
      if (--fault.nth > 0) continue;
      --fault.count;
      return fault.error;
    }
    return 0;
  }
  static ssize_t next(std::deque<ssize_t>& results, ssize_t otherwise) {
    if (results.empty()) return otherwise;
    const ssize_t result = results.front();
    results.pop_front();
    return result;
  }
  int logged(const char* what, int fd) {
    if (fd >= 0) log.push_back(std::string(what) + " " + files_[fd].kind);
    return fd;
  }
  int regionInfo(void* argument) {
    uapi::VfioRegionInfo asked;
    std::memcpy(&asked, argument, sizeof(asked));
    auto found = regions.find(asked.index);
    if (found == regions.end()) return -EINVAL;
    // As the kernel: everything if there is room, else the struct alone, whose argsz then says how much was
    // wanted.
    const size_t size = asked.argsz >= found->second.size() ? found->second.size() : sizeof(asked);
    std::memcpy(argument, found->second.data(), std::min<size_t>(size, asked.argsz));
    return 0;
  }
  int hotResetInfo(void* argument) {
    auto* info = static_cast<uapi::VfioPciHotResetInfo*>(argument);
    if (affected.empty()) return -ENODEV;
    const size_t room = (info->argsz - sizeof(*info)) / sizeof(affected[0]);
    info->flags = hotResetFlags;
    info->count = static_cast<uint32_t>(affected.size());
    if (room < affected.size()) return -ENOSPC;
    std::memcpy(info + 1, affected.data(), affected.size() * sizeof(affected[0]));
    return 0;
  }
  int hotReset(void* argument) {
    auto* reset = static_cast<uapi::VfioPciHotReset*>(argument);
    if (reset->argsz != sizeof(*reset) + 4 * reset->count || reset->flags != 0) return -EINVAL;
    shownGroups.resize(reset->count);
    if (!shownGroups.empty()) std::memcpy(shownGroups.data(), reset + 1, 4 * shownGroups.size());
    for (const int group : shownGroups) {
      if (!isOpen(group)) return -EBADF;
      if (file(group).kind != "group") return -EINVAL;
    }
    log.push_back("hot reset");
    return 0;
  }
  int feature(void* argument) {
    auto* header = static_cast<uapi::VfioDeviceFeature*>(argument);
    void* payload = header + 1;
    const uint32_t index = header->flags & 0xffff;
    const bool set = (header->flags & uapi::kVfioDeviceFeatureSet) != 0;
    if (int error = injected("feature " + std::to_string(index) + (set ? " set" : " get"))) {
      if (set && index == uapi::kVfioDeviceFeatureMigDeviceState) {
        static_cast<uapi::VfioDeviceFeatureMigState*>(payload)->data_fd = -1;  // as the kernel echoes
      }
      return -error;
    }
    if (index == uapi::kVfioDeviceFeatureMigration) {
      static_cast<uapi::VfioDeviceFeatureMigration*>(payload)->flags = 7;
      return 0;
    }
    if (index == uapi::kVfioDeviceFeatureMigDataSize) {
      static_cast<uapi::VfioDeviceFeatureMigDataSize*>(payload)->stop_copy_length = dataSize;
      return 0;
    }
    if (index != uapi::kVfioDeviceFeatureMigDeviceState) {
      return otherFeature ? otherFeature(header->flags, payload) : -ENOTTY;
    }
    auto* mig = static_cast<uapi::VfioDeviceFeatureMigState*>(payload);
    if (!set) {
      mig->device_state = state;
      mig->data_fd = -1;
      return 0;
    }
    log.push_back("set state " + std::to_string(mig->device_state));
    const bool entersSaving = saving(mig->device_state) && !saving(state);
    const bool entersResuming =
        mig->device_state == uapi::kVfioDeviceStateResuming && state != uapi::kVfioDeviceStateResuming;
    state = mig->device_state;
    mig->data_fd = lyingDataFd;
    if (lyingDataFd == -1 && (entersSaving || entersResuming)) {
      mig->data_fd = add(
          "data", dataCloseOnExec);  // after the transition, like the kernel: EMFILE leaves the state entered
      if (mig->data_fd < 0) return -EMFILE;
    }
    return 0;
  }
  static bool saving(uint32_t state) {
    return state == uapi::kVfioDeviceStateStopCopy || state == uapi::kVfioDeviceStatePreCopy ||
           state == uapi::kVfioDeviceStatePreCopyP2p;
  }

  std::map<int, File> files_;
  std::map<unsigned long, int> counts_;
  std::deque<std::vector<uint8_t>> memory_;
  std::vector<Fault> faults_;
};

}  // namespace vfm::test
