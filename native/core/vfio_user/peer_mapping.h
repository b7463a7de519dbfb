// SPDX-License-Identifier: MIT
// A stretch of a region, by the descriptor that a server sent for it. Mapped only where the server has sealed
// the file against shrinking; else every access is a pread or pwrite of the file, so that a server that
// truncates it causes an error and no signal.
#pragma once

#include <memory>

#include "core/base/unique_fd.h"
#include "core/device/mapping.h"

namespace vfm::vfio_user {

class PeerMapping final : public Mapping {
 public:
  // `length` > 0 bytes at `offset` of the file, a multiple of the page size. The descriptor is duplicated.
  // Reason::kMalformed: the file ends before that.
  static Result<std::shared_ptr<Mapping>> map(int fd, uint64_t offset, uint64_t length,
                                              Protection protection);

  PeerMapping(UniqueFd fd, uint64_t offset, uint8_t* data, size_t size);
  ~PeerMapping() override;

 private:
  Status readUntrusted(uint64_t offset, Bytes into) const override;
  Status writeUntrusted(uint64_t offset, ConstBytes from) const override;

  UniqueFd fd_;  // none where it is mapped
  uint64_t offset_;
};

}  // namespace vfm::vfio_user
