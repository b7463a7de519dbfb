// SPDX-License-Identifier: MIT
// A client's connection to a vfio-user server: requests from any thread, their replies sorted out by one
// thread that also answers the server's own requests.
//
// A server may answer out of order, but most do one thing at a time: the clock of a request runs from when no
// older one is outstanding. When it runs out, when the server goes away or says what no server may say, the
// connection is dead: every request in progress and every later one fails, none waits.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/threads/joined_thread.h"
#include "core/vfio_user/client_options.h"
#include "core/vfio_user/dma_service.h"
#include "core/vfio_user/socket.h"
#include "core/vfio_user/version.h"

namespace vfm::vfio_user {

struct ClientRequest {
  Command command;
  std::string operation;  // for failures; empty: the command's name
  std::vector<ConstBytes> parts;
  std::vector<int> descriptors;  // borrowed
  Milliseconds timeout{0};
  // Where the reply goes. It must fill `fixed`; what is behind that goes to `data` and must fit there.
  Bytes fixed;
  Bytes data;
  // Once it is true (and wake() was called) nobody waits any longer, and the reply is thrown away.
  const std::atomic<bool>* cancelled = nullptr;
};

struct ClientReply {
  size_t data = 0;  // bytes that went to ClientRequest::data
  std::vector<UniqueFd> descriptors;
};

class ClientConnection {
 public:
  // Connects and negotiates. Besides the failures of Socket::connect: Reason::kVersion (the server speaks no
  // version that we do), kMalformed, kDisconnected, kTimedOut.
  static Result<std::shared_ptr<ClientConnection>> open(const std::string& path,
                                                        const ClientOptions& options);
  // Over a socket that is connected already.
  static Result<std::shared_ptr<ClientConnection>> over(std::unique_ptr<Socket> socket,
                                                        const ClientOptions& options);
  // What the sockets of a client hold their peer to.
  static SocketLimits limits(const ClientOptions& options);

  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  const Version& server() const { return server_; }
  const ClientOptions& options() const { return options_; }
  // The most data in one message, in both parties' opinion.
  uint32_t maxTransfer() const { return maxTransfer_; }
  // The most data in one write: libvfio-user's server takes no message that does not arrive in one piece.
  uint32_t writeChunk() const {
    constexpr uint32_t kOnePiece = 32 << 10;
    return server_.capabilities.reassembles ? maxTransfer_ : std::min(maxTransfer_, kOnePiece);
  }
  bool hasTwinSocket() const { return twin_ != nullptr; }
  DmaService& dma() { return dma_; }

  // Sends, and waits for the reply. An error reply is Reason::kSystem with its errno. What makes the
  // connection die says why: kDisconnected, kTimedOut, kMalformed; after that always kDisconnected, or
  // kClosed when end() was called for it. kCancelled.
  Result<ClientReply> call(const ClientRequest& request);
  // Has every waiting call look at its `cancelled`.
  void wake();
  // Ends the connection: calls in progress and later ones fail with `failure`'s reason.
  void end(Failure failure);

 private:
  struct Pending;
  ClientConnection(std::unique_ptr<Socket> socket, const ClientOptions& options);
  Status negotiate();
  Status start(std::unique_ptr<JoinedThread>& thread, Socket& socket);
  Status receiveOne(Socket& socket);
  Status takeReply(Incoming incoming);
  Status fillReply(Pending& pending, const Incoming& incoming);

  void endLocked(const Failure& failure);
  // Of the oldest request outstanding; its clock begins now if it became that just now.
  void restartClock();
  void forget(uint64_t sequence);
  // What a call gets that ended because the connection did.
  Failure ended(const std::string& operation) const;

  ClientOptions options_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<Socket> twin_;
  Version server_;
  uint32_t maxTransfer_;
  DmaService dma_;

  std::mutex mutex_;  // of all that follows
  std::condition_variable changed_;
  std::map<uint64_t, std::shared_ptr<Pending>> outstanding_;  // by age
  uint64_t nextSequence_ = 0;
  bool dead_ = false;
  Failure cause_;

  // One thread each: receives on its socket until that is shut down. Last: they use all of the above.
  std::unique_ptr<JoinedThread> main_, dmaOnly_;
};

}  // namespace vfm::vfio_user
