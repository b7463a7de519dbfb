// SPDX-License-Identifier: MIT
#include "core/vfio_user/server_mappings.h"

#include <fcntl.h>

namespace vfm::vfio_user {
namespace {

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

// Invalid where there is none that has no more rights than the mapping.
UniqueFd descriptorFor(const DmaMapping& mapping) {
  const int fd = mapping.memory.memory->descriptor();
  if (fd < 0) return UniqueFd();
  if (mapping.allows(Protection::kWrite)) return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  return UniqueFd(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Status ServerMappings::map(const DmaMapping& mapping) {
  std::lock_guard lock(mutex_);
  const Capabilities& server = connection_->server().capabilities;
  if (sizes_.size() >= server.maxDmaMaps) {
    return Failure::system(ENOSPC, "vfio-user", "DMA_MAP",
                           "the server takes " + std::to_string(server.maxDmaMaps) + " mappings");
  }
  DmaMapPayload payload{sizeof payload, 0, 0, mapping.iova, mapping.memory.size};
  if (mapping.allows(Protection::kRead)) payload.flags |= kDmaMapRead;
  if (mapping.allows(Protection::kWrite)) payload.flags |= kDmaMapWrite;
  const UniqueFd descriptor = server.maxMessageDescriptors > 0 ? descriptorFor(mapping) : UniqueFd();
  if (descriptor) payload.offset = mapping.memory.memory->offset() + mapping.memory.offset;
  ClientRequest request{
      Command::kDmaMap, {}, {bytesOf(payload)}, {}, connection_->options().requestTimeout, {}, {}};
  if (descriptor) request.descriptors.push_back(descriptor.get());
  auto reply = connection_->call(request);
  if (!reply) return std::move(reply).failure();
  sizes_.emplace(mapping.iova, mapping.memory.size);
  return {};
}

Status ServerMappings::sendUnmap(uint64_t iova, uint64_t size) {
  DmaUnmapPayload payload{sizeof payload, 0, iova, size};
  DmaUnmapPayload echo{};
  auto reply = connection_->call({Command::kDmaUnmap,
                                  {},
                                  {bytesOf(payload)},
                                  {},
                                  connection_->options().requestTimeout,
                                  bytesOf(echo),
                                  {}});
  if (!reply) return std::move(reply).failure();
  return {};
}

Status ServerMappings::unmap(uint64_t iova, uint64_t size) {
  std::lock_guard lock(mutex_);
  auto found = sizes_.find(iova);
  if (found == sizes_.end() || found->second != size) {
    return Failure::system(ENOENT, "vfio-user", "DMA_UNMAP", "not a mapping that the server was told");
  }
  sizes_.erase(found);
  return sendUnmap(iova, size);
}

Status ServerMappings::unmapAll() {
  std::lock_guard lock(mutex_);
  Status first;
  for (const auto& [iova, size] : sizes_) {
    if (Status sent = sendUnmap(iova, size); !sent && first) first = std::move(sent);
  }
  sizes_.clear();
  return first;
}

std::vector<IovaRange> ServerMappings::ranges() {
  std::lock_guard lock(mutex_);
  std::vector<IovaRange> joined;
  for (const auto& [iova, size] : sizes_) {
    const uint64_t last = iova + (size - 1);
    if (!joined.empty() && joined.back().last + 1 == iova) {
      joined.back().last = last;
    } else {
      joined.push_back({iova, last});
    }
  }
  return joined;
}

Status ServerMappings::each(uint64_t iova, uint64_t size,
                            const std::function<Status(uint64_t iova, uint64_t size)>& visit) {
  std::lock_guard lock(mutex_);
  if (size == 0) return {};
  const uint64_t last = iova + (size - 1);
  for (const auto& [at, length] : sizes_) {
    if (at > last || at + (length - 1) < iova) continue;
    if (Status visited = visit(at, length); !visited) return visited;
  }
  return {};
}

}  // namespace vfm::vfio_user
