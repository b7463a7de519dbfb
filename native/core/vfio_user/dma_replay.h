// SPDX-License-Identifier: MIT
// A vfio-user device attached to an address table: every change is told to its server.
#pragma once

#include <memory>

#include "core/dma/address_table.h"
#include "core/vfio_user/dma_log.h"
#include "core/vfio_user/server_mappings.h"

namespace vfm::vfio_user {

class DmaReplay final : public AddressTable::Attachment {
 public:
  DmaReplay(std::shared_ptr<ServerMappings> mappings, std::shared_ptr<DmaLog> log)
      : mappings_(std::move(mappings)), log_(std::move(log)) {}

  Status mapped(const DmaMapping& mapping) override { return mappings_->map(mapping); }
  Status unmapped(const DmaMapping& mapping, DirtyBitmap* dirty) override;
  // The server's one log serves the address space's tracking or the device's own log, not both at once.
  Status startDirtyTracking() override;
  Status reportDirty(DirtyBitmap& into) override { return log_->report(into); }
  Status stopDirtyTracking() override { return log_->stop(); }

 private:
  std::shared_ptr<ServerMappings> mappings_;
  std::shared_ptr<DmaLog> log_;
};

}  // namespace vfm::vfio_user
