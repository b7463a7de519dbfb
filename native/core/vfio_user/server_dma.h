// SPDX-License-Identifier: MIT
// The served device's view of its client's memory: DMA_MAP and DMA_UNMAP, and who logs what the device
// writes.
#pragma once

#include <map>
#include <memory>

#include "core/device/device.h"
#include "core/vfio_user/peer_address_space.h"
#include "core/vfio_user/server_message.h"
#include "core/vfio_user/server_options.h"

namespace vfm::vfio_user {

class ServedDma {
 public:
  ServedDma(std::shared_ptr<Device> device, std::shared_ptr<DmaMessages> messages,
            const ServeOptions& options, uint64_t maxTransfer);

  // Attaches a device of this process to the client's address space. One of the kernel's keeps its own, into
  // which the client's memory is mapped.
  Status begin();
  // Takes everything back.
  void end();

  Reply map(Request& request);
  Reply unmap(const Request& request);
  // The first protocol's DIRTY_PAGES.
  Reply dirtyPages(const Request& request);
  // VFIO_DEVICE_FEATURE_DMA_LOGGING_*, `request` whole.
  Reply startLog(const Request& request);
  Reply stopLog();
  Reply reportLog(const Request& request, uint32_t argsz);

 private:
  enum class Log : uint8_t { kNone, kDevice, kSpace };

  Status mapThrough(const DmaMapPayload& asked, Protection protection, std::vector<UniqueFd>& descriptors);
  Status startSpaceLog();
  Status report(DirtyBitmap& into);
  Result<std::shared_ptr<DirtyBitmap>> bitmapFor(uint64_t iova, uint64_t size, uint64_t pageSize) const;

  const std::shared_ptr<Device> device_;
  const uint64_t mostMaps_;
  const uint64_t maxTransfer_;
  std::shared_ptr<PeerAddressSpace> peer_;  // of a device of this process
  std::shared_ptr<AddressSpace> through_;   // the kernel device's own; may be null
  std::shared_ptr<AddressSpace> before_;    // what a device of this process was attached to
  bool attached_ = false;
  std::map<uint64_t, uint64_t> mapped_;  // through_'s mappings of this client: first address to size
  Log log_ = Log::kNone;
};

}  // namespace vfm::vfio_user
