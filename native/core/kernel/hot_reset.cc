// SPDX-License-Identifier: MIT
#include "core/kernel/hot_reset.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "core/kernel/group_registry.h"
#include "uapi/pci.h"

namespace vfm::kernel {
namespace {

constexpr const char* kInfo = "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO";
constexpr const char* kReset = "VFIO_DEVICE_PCI_HOT_RESET";
// A bus has 256 functions, or with SR-IOV several buses do; no reset reaches more than a segment.
constexpr size_t kMostDevices = 1 << 16;

// A struct and what follows it, aligned as the kernel's are.
template <typename Header, typename Item>
class Request {
 public:
  explicit Request(size_t items) : size_(sizeof(Header) + items * sizeof(Item)), storage_((size_ + 7) / 8) {}
  size_t size() const { return size_; }
  void* data() { return storage_.data(); }
  Header header() const {
    Header header;
    std::memcpy(&header, storage_.data(), sizeof header);
    return header;
  }
  void setHeader(const Header& header) { std::memcpy(storage_.data(), &header, sizeof header); }
  Item item(size_t index) const {
    Item item;
    std::memcpy(&item, bytes() + sizeof(Header) + index * sizeof(Item), sizeof item);
    return item;
  }
  void setItem(size_t index, const Item& item) {
    std::memcpy(bytes() + sizeof(Header) + index * sizeof(Item), &item, sizeof item);
  }

 private:
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(storage_.data()); }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(storage_.data()); }

  size_t size_;
  std::vector<uint64_t> storage_;
};

using InfoRequest = Request<uapi::VfioPciHotResetInfo, uapi::VfioPciDependentDevice>;

using HeldGroups = std::map<uint32_t, std::shared_ptr<Group>>;

std::shared_ptr<Group> heldGroup(Sys& sys, uint32_t number) {
  auto group = GroupRegistry::instance().find(sys, GroupName{number, false}.path());
  return group ? group : GroupRegistry::instance().find(sys, GroupName{number, true}.path());
}

std::string meaning(int error) {
  switch (error) {
    case ENODEV:
      return "neither its slot nor its bus can be reset: it is on a root bus, or shares one with a bridge";
    case EPERM:
      return "a device that would be reset too is in no IOMMU group";
    case EINVAL:
      return "not every device that would be reset is bound to VFIO";
    case EBUSY:
      return "another device that would be reset is in use at this moment: try again";
    default:
      return {};
  }
}

HotResetInfo read(const InfoRequest& request, Sys& sys, HeldGroups& held) {
  HotResetInfo info;
  const uapi::VfioPciHotResetInfo header = request.header();
  info.byDeviceId = (header.flags & uapi::kVfioPciHotResetFlagDevId) != 0;
  for (size_t i = 0; i < header.count; ++i) {
    const uapi::VfioPciDependentDevice raw = request.item(i);
    AffectedDevice device;
    device.segment = raw.segment;
    device.bus = raw.bus;
    device.devfn = raw.devfn;
    if (info.byDeviceId) {
      device.owned = static_cast<int32_t>(raw.devid) != uapi::kVfioPciDevidNotOwned;
      if (device.owned && raw.devid != uapi::kVfioPciDevidOwned) device.id = raw.devid;
    } else {
      device.id = raw.group_id;
      auto found = held.find(raw.group_id);
      if (found == held.end()) found = held.emplace(raw.group_id, heldGroup(sys, raw.group_id)).first;
      device.owned = found->second != nullptr;
    }
    info.devices.push_back(device);
  }
  return info;
}

Result<HotResetInfo> query(const DeviceHandle& device, HeldGroups& held) {
  // The kernel says ENOSPC and how many there are, and EAGAIN when there are more since it counted.
  constexpr int kRounds = 8;
  size_t room = 8;
  for (int round = 0; round < kRounds; ++round) {
    InfoRequest request(room);
    uapi::VfioPciHotResetInfo header{};
    header.argsz = static_cast<uint32_t>(request.size());
    request.setHeader(header);
    const int result = retryInterrupted(
        [&] { return device.sys().ioctl(device.fd(), uapi::kVfioDeviceGetPciHotResetInfo, request.data()); });
    const size_t count = request.header().count;
    if (result == 0 && count <= room) return read(request, device.sys(), held);
    if (result == -EAGAIN) continue;
    if (result < 0 && result != -ENOSPC) return ioctlFailure(result, kInfo, meaning(-result));
    if (count > kMostDevices || count <= room) break;
    room = count;
  }
  return Failure::because(Reason::kMalformed, kInfo, "the number of affected devices makes no sense");
}

std::string missing(const HotResetInfo& info) {
  std::string names;
  for (const AffectedDevice& device : info.devices) {
    if (device.owned) continue;
    names += names.empty() ? "this process does not hold " : ", ";
    names += device.address();
    if (!info.byDeviceId && device.id) names += " (group " + std::to_string(*device.id) + ")";
  }
  return names;
}

}  // namespace

Result<HotResetInfo> hotResetInfo(const DeviceHandle& device) {
  HeldGroups held;
  return query(device, held);
}

Status hotReset(const DeviceHandle& device, const std::vector<int>& groups) {
  HeldGroups held;  // until the kernel has answered
  auto info = query(device, held);
  if (!info) {
    Failure failure = std::move(info).failure();
    failure.operation = kReset + std::string(": ") + failure.operation;
    return failure;
  }
  std::vector<int32_t> shown;
  if (!info->byDeviceId) {
    for (const auto& entry : held) {
      if (entry.second) shown.push_back(entry.second->descriptor());
    }
    for (const int group : groups) {
      if (std::find(shown.begin(), shown.end(), group) == shown.end()) shown.push_back(group);
    }
    if (shown.empty()) return Failure::system(EINVAL, "", kReset, missing(*info));
  }
  Request<uapi::VfioPciHotReset, int32_t> request(shown.size());
  uapi::VfioPciHotReset header{};
  header.argsz = static_cast<uint32_t>(request.size());
  header.count = static_cast<uint32_t>(shown.size());
  request.setHeader(header);
  for (size_t i = 0; i < shown.size(); ++i) request.setItem(i, shown[i]);
  // Not repeated on EINTR: it may have happened.
  const int result = device.sys().ioctl(device.fd(), uapi::kVfioDevicePciHotReset, request.data());
  if (result == 0) return {};
  // The kernel says EINVAL for all that it does not like. What this process knows to be missing may be among
  // `groups` still, but then the kernel would not have minded.
  std::string detail = result == -EINVAL || result == -EPERM ? missing(*info) : std::string();
  return ioctlFailure(result, kReset, detail.empty() ? meaning(-result) : std::move(detail));
}

}  // namespace vfm::kernel
