// SPDX-License-Identifier: MIT
// One vfio-user client, from its VERSION until it has gone and the device is in order again.
//
// The calling thread receives; a worker of its own answers, in the order of the requests. So a device that
// takes its time holds up nobody's notice of a client that has gone, and replies to the device's own DMA_READ
// and DMA_WRITE arrive while it works. What had arrived whole when the client went is still done.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "core/vfio_user/served_device.h"
#include "core/vfio_user/version.h"

namespace vfm::vfio_user {

class Connection {
 public:
  struct End {
    bool negotiated = false;
    std::string why;  // empty: the client closed
    uint64_t messages = 0;
    Departure departure;
  };

  // `client` is a connected socket.
  Connection(UniqueFd client, std::shared_ptr<Device> device, const ServeOptions& options);

  // Once. `negotiated` is called on this thread when the client may begin.
  End run(const std::function<void(bool twinSocket)>& negotiated);
  // From any thread: ends it. What the client has asked for and not got is dropped.
  void stop();

 private:
  struct Pending {
    Header header{};
    std::vector<uint8_t> payload;
    std::vector<UniqueFd> descriptors;
  };
  // Until then a client may send ahead; then it waits.
  static constexpr size_t kMostPending = 1024;
  static constexpr size_t kMostPendingBytes = size_t{16} << 20;

  // Answers the VERSION. False: the client is to be let go, and end.why says why.
  bool negotiate(End& end);
  bool offer(const Header& header, const Version& asked, bool twinAsked);
  void receive(End& end);
  // False: the client has gone while there was no room.
  bool queue(Pending pending);
  bool hasRoom();
  void work();
  void answer(Pending& pending);
  Status refuse(const Header& header, int error);

  const std::shared_ptr<Device> device_;
  const ServeOptions options_;
  std::shared_ptr<Socket> socket_;
  std::shared_ptr<DmaMessages> dma_;
  std::unique_ptr<ServedDevice> served_;
  bool twin_ = false;
  std::atomic<bool> stopped_{false};

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<Pending> pending_;
  size_t pendingBytes_ = 0;
  bool over_ = false;
};

}  // namespace vfm::vfio_user
