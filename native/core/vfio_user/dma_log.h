// SPDX-License-Identifier: MIT
// Which of its client's pages a vfio-user device has written: the server's own log (DMA_LOGGING features, or
// DIRTY_PAGES of servers of the first migration protocol) of what it wrote through descriptors, and ours of
// what it wrote by DMA_WRITE messages.
#pragma once

#include <memory>
#include <mutex>

#include "core/dma/dirty_bitmap.h"
#include "core/vfio_user/client_features.h"
#include "core/vfio_user/server_mappings.h"

namespace vfm::vfio_user {

class DmaLog {
 public:
  enum class Form : uint8_t { kNone, kFeature, kDirtyPages };

  DmaLog(std::shared_ptr<ClientConnection> connection, ClientFeatures features,
         std::shared_ptr<ServerMappings> mappings, Form form);

  // The page size of the log. Ranges beyond a message's room are joined with the gaps between them.
  // Reason::kUnsupported: the server has none. EBUSY: it is on; there is one only.
  Result<uint64_t> start(const std::vector<IovaRange>& ranges);
  // A server forgets the whole mapping that it reports: what the bitmap does not cover is kept for later.
  Status report(DirtyBitmap& into);
  Status stop();

  // For whoever is about to unmap: what the server wrote there so far is kept for later reports.
  Status collect(uint64_t iova, uint64_t size);
  // What collect() and DMA_WRITE messages brought, without asking the server.
  void take(DirtyBitmap& into) { connection_->dma().takeWritten(into); }

 private:
  Status fetch(uint64_t iova, uint64_t size) const;
  Status fetchFeature(DirtyBitmap& into) const;
  Status fetchDirtyPages(DirtyBitmap& into) const;
  Status switchDirtyPages(uint32_t flags) const;

  std::shared_ptr<ClientConnection> connection_;
  ClientFeatures features_;
  std::shared_ptr<ServerMappings> mappings_;
  const Form form_;
  const uint64_t pageSize_;
  std::mutex mutex_;
  bool on_ = false;
};

}  // namespace vfm::vfio_user
