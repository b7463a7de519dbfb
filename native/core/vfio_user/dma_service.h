// SPDX-License-Identifier: MIT
// Answers what a server asks of its client's memory: DMA_READ and DMA_WRITE, on whichever socket they come.
#pragma once

#include <memory>
#include <mutex>

#include "core/dma/address_space.h"
#include "core/vfio_user/socket.h"
#include "core/vfio_user/written_pages.h"

namespace vfm::vfio_user {

class DmaService {
 public:
  explicit DmaService(size_t maxTransfer) : maxTransfer_(maxTransfer) {}

  // Where the addresses lead from now on; null: nowhere (every request is answered EFAULT).
  void attach(std::shared_ptr<AddressSpace> space);

  // While recording, the pages that the server has us write are noted: it does not log those itself.
  void record(bool on);
  // As if the server had had us write there.
  void note(uint64_t iova, uint64_t length);
  // Adds what was written inside the bitmap's stretch to it, and forgets that.
  void takeWritten(DirtyBitmap& into);

  // Takes the payload of a command that has arrived on `socket` and answers it there. A request that is wrong
  // is answered with an error; the failures are those of the socket, and Reason::kMalformed for a message
  // larger than was agreed: after either the connection is lost.
  Status serve(Socket& socket, const Incoming& request);

 private:
  Status answer(Socket& socket, const Header& request, int error, ConstBytes fixed, ConstBytes data);

  const size_t maxTransfer_;
  std::mutex mutex_;
  std::shared_ptr<AddressSpace> space_;
  WrittenPages written_;
  bool recording_ = false;
};

}  // namespace vfm::vfio_user
