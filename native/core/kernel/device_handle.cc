// SPDX-License-Identifier: MIT
#include "core/kernel/device_handle.h"

#include <cstring>
#include <string>
#include <vector>

#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm::kernel {

Status DeviceHandle::feature(uint32_t flags, Bytes payload, const char* operation) const {
  constexpr size_t kLargestPayload = 1 << 20;  // today's largest is under 100 bytes
  uapi::VfioDeviceFeature header{};
  if (payload.size > kLargestPayload) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            "payload of " + std::to_string(payload.size) + " bytes");
  }
  std::vector<uint64_t> storage((sizeof(header) + payload.size + 7) /
                                8);  // aligned as the kernel's structs are
  auto* bytes = reinterpret_cast<uint8_t*>(storage.data());
  header.argsz = static_cast<uint32_t>(sizeof(header) + payload.size);
  header.flags = flags;
  std::memcpy(bytes, &header, sizeof(header));
  if (payload.size > 0) std::memcpy(bytes + sizeof(header), payload.data, payload.size);

  const int result = retryInterrupted(
      [&] { return sys_.ioctl(fd_.get(), uapi::kVfioDeviceFeature, static_cast<void*>(bytes)); });
  if (result < 0) return ioctlFailure(result, operation);
  if (payload.size > 0) std::memcpy(payload.data, bytes + sizeof(header), payload.size);
  return Status::success();
}

Result<uint32_t> DeviceHandle::migrationState() const {
  uapi::VfioDeviceFeatureMigState state{};
  state.data_fd = -1;
  auto got = feature(uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureMigDeviceState,
                     Bytes{reinterpret_cast<uint8_t*>(&state), sizeof(state)},
                     "VFIO_DEVICE_FEATURE GET MIG_DEVICE_STATE");
  if (!got) return std::move(got).failure();
  return state.device_state;
}

}  // namespace vfm::kernel
