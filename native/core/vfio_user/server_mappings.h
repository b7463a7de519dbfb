// SPDX-License-Identifier: MIT
// What of its client's memory a server was told: DMA_MAP and DMA_UNMAP, one at a time and in order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "core/dma/mapping_table.h"
#include "core/vfio_user/client_connection.h"

namespace vfm::vfio_user {

class ServerMappings {
 public:
  explicit ServerMappings(std::shared_ptr<ClientConnection> connection)
      : connection_(std::move(connection)) {}

  // With the memory's descriptor where it has one and the server takes any, so that the server can map it;
  // memory that the device may only read goes by a descriptor that can only be read. ENOSPC: more than the
  // server takes.
  Status map(const DmaMapping& mapping);
  // Exactly what was mapped.
  Status unmap(uint64_t iova, uint64_t size);
  // All of it, whatever the server answers to each; the first failure.
  Status unmapAll();

  // What is mapped: sorted, what touches joined.
  std::vector<IovaRange> ranges();
  // Every mapping that touches the stretch, in order. None is unmapped meanwhile. Ends at the first failure.
  Status each(uint64_t iova, uint64_t size, const std::function<Status(uint64_t iova, uint64_t size)>& visit);

 private:
  Status sendUnmap(uint64_t iova, uint64_t size);

  std::shared_ptr<ClientConnection> connection_;
  std::mutex mutex_;                    // held over a request and its answer
  std::map<uint64_t, uint64_t> sizes_;  // by iova
};

}  // namespace vfm::vfio_user
