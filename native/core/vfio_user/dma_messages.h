// SPDX-License-Identifier: MIT
// DMA_READ and DMA_WRITE: how a server reaches memory of its client's that no descriptor came for.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "core/vfio_user/socket.h"

namespace vfm::vfio_user {

struct DmaMessageOptions {
  uint64_t maxTransfer = 1 << 20;  // bytes of one message: what both sides take
  Milliseconds timeout{10'000};    // for one reply
};

// One request at a time, from any thread. Failures: the errno of the client's error reply, EIO for a reply
// that does not fit or does not come, Reason::kDisconnected.
class DmaMessages {
 public:
  // On the connection's own socket: somebody else receives there, and gives replies to deliver().
  DmaMessages(std::shared_ptr<Socket> main, const DmaMessageOptions& options);
  // On a twin socket, where nothing but the replies arrives.
  DmaMessages(std::unique_ptr<Socket> twin, const DmaMessageOptions& options);

  Status read(uint64_t address, Bytes into);
  Status write(uint64_t address, ConstBytes from);

  // A reply that arrived on the main socket; one that nobody waits for is thrown away.
  void deliver(const Header& header, std::vector<uint8_t> payload);
  // Nothing more will come: whoever waits fails now, whoever asks later at once.
  void disconnect();

 private:
  struct Reply {
    Header header{};
    std::vector<uint8_t> payload;
  };
  // The reply's payload: at least a DmaAccessPayload that names what was asked for, and `data` bytes.
  Result<std::vector<uint8_t>> exchange(Command command, uint64_t address, uint64_t count, ConstBytes out,
                                        size_t data);
  Result<Reply> awaitDelivery(uint16_t id);
  Result<Reply> receiveOnTwin(uint16_t id, size_t most);

  std::shared_ptr<Socket> socket_;
  const bool twin_;
  const DmaMessageOptions options_;
  std::mutex exchanging_;  // held over one request and its reply
  uint16_t nextId_ = 1;

  std::mutex mutex_;  // of what follows
  std::condition_variable arrived_;
  std::optional<uint16_t> awaited_;
  std::optional<Reply> reply_;
  bool disconnected_ = false;
};

}  // namespace vfm::vfio_user
