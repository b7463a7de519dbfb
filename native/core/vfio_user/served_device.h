// SPDX-License-Identifier: MIT
// A device as one vfio-user client sees it: every command but VERSION, answered from the seam alone.
#pragma once

#include <memory>
#include <set>

#include "core/vfio_user/server_dma.h"
#include "core/vfio_user/server_migration.h"

namespace vfm::vfio_user {

class ServedDevice {
 public:
  struct Negotiated {
    uint64_t maxTransfer = 1 << 20;  // what both sides take
    bool writeMultiple = false;
  };

  ServedDevice(std::shared_ptr<Device> device, std::shared_ptr<DmaMessages> messages,
               const ServeOptions& options, const Negotiated& negotiated);

  bool migrates() const { return migration_.protocol() != 0; }
  Status begin() { return dma_.begin(); }
  // One command at a time.
  Reply answer(Request& request);
  // From another thread, when the client has gone.
  void interrupt() { migration_.interrupt(); }
  // Disarms, unmaps, ends the session; after the last answer.
  Departure end();

 private:
  Reply dispatch(Request& request);
  // What strict servers refuse in a stopped device.
  bool refusedWhileStopped(const Request& request);
  // Whether this reaches for a BAR, the ROM or VGA of a real device that does not run: what that does to it
  // is undefined, and may be a machine check.
  bool touchesQuietDevice(const Request& request);

  // served_regions.cc
  Reply deviceInfo(const Request& request);
  Reply regionInfo(const Request& request);
  Reply regionIoFds(const Request& request);
  Reply readRegion(const Request& request);
  Reply writeRegion(const Request& request);
  Reply writeRegions(const Request& request);
  int writeOne(uint32_t region, uint64_t offset, ConstBytes data);

  // served_irqs.cc
  Reply irqInfo(const Request& request);
  Reply setIrqs(Request& request);
  void disarm();

  Reply deviceFeature(const Request& request);
  Reply reset(const Request& request);

  const std::shared_ptr<Device> device_;
  const Negotiated negotiated_;
  const bool strict_;
  ServedDma dma_;
  ServedMigration migration_;
  std::set<uint32_t> armed_;  // interrupt indexes that have eventfds of the client
};

}  // namespace vfm::vfio_user
