// SPDX-License-Identifier: MIT
#include "core/transport/stream_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/transport/stream_listener.h"

using namespace vfm;

namespace {

using Socket = std::shared_ptr<StreamSocket>;

struct Ends {
  Socket client;
  Socket server;
};

Ends unixEnds() {
  auto pair = StreamSocket::pair();
  REQUIRE(pair.ok());
  return {pair->first, pair->second};
}

std::shared_ptr<StreamListener> tcpListener() {
  auto address = SocketAddress::ofHost("127.0.0.1", 0);
  REQUIRE(address.ok());
  auto listener = StreamListener::listen(*address);
  REQUIRE(listener.ok());
  return *listener;
}

Ends tcpEnds() {
  const auto listener = tcpListener();
  auto address = listener->address();
  REQUIRE(address.ok());
  auto client = StreamSocket::connect(*address, {});
  REQUIRE(client.ok());
  auto server = listener->accept({1000});
  REQUIRE(server.ok());
  return {*client, *server};
}

ConstBytes bytesOf(const std::string& text) {
  return ConstBytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string receiveFrom(StreamSocket& socket, size_t most = 100) {
  std::vector<uint8_t> bytes(most);
  auto received = socket.receive(Bytes{bytes.data(), bytes.size()}, {1000});
  REQUIRE(received.ok());
  return std::string(bytes.begin(), bytes.begin() + static_cast<long>(*received));
}

// Until the socket takes no more.
void fill(StreamSocket& socket) {
  const std::vector<uint8_t> block(64 << 10);
  Status sent;
  while ((sent = socket.send(ConstBytes(block.data(), block.size()), {50})).ok()) {
  }
  REQUIRE(sent.failure().error == ETIMEDOUT);
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

}  // namespace

TEST_CASE("bytes go both ways, and are taken no more at a time than was asked for") {
  for (const Ends& ends : {unixEnds(), tcpEnds()}) {
    REQUIRE(ends.client->send(bytesOf("there"), {}).ok());
    CHECK(receiveFrom(*ends.server, 2) == "th");
    CHECK(receiveFrom(*ends.server) == "ere");
    REQUIRE(ends.server->send(bytesOf("back"), {}).ok());
    CHECK(receiveFrom(*ends.client) == "back");
  }
}

TEST_CASE("a socket is close-on-exec and non-blocking, and TCP sends small pieces at once") {
  const Ends ends = tcpEnds();
  for (const Socket& socket : {ends.client, ends.server}) {
    CHECK((::fcntl(socket->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(socket->fd(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(option(socket->fd(), IPPROTO_TCP, TCP_NODELAY) == 1);
  }
  auto copy = ends.client->duplicate();
  REQUIRE(copy.ok());
  CHECK((::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a link's time-out is set for silence and for data under way, a patient link's for silence alone") {
  const Ends ends = tcpEnds();
  const int fd = ends.client->fd();
  REQUIRE(ends.client->setLinkTimeout(20'000).ok());
  CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 5);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 5);
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 20'000);
  REQUIRE(ends.client->setPatientLink(4000).ok());
  CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 1);
  CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
  REQUIRE(ends.client->setLinkTimeout(0).ok());
  CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(unixEnds().client->setLinkTimeout(1000).ok());
}

TEST_CASE("the end comes after what was sent, and a flush waits for all of it to arrive") {
  for (const Ends& ends : {unixEnds(), tcpEnds()}) {
    REQUIRE(ends.client->send(bytesOf("last"), {}).ok());
    REQUIRE(ends.client->endWriting().ok());
    CHECK(ends.client->flush({2000}).ok());
    CHECK(receiveFrom(*ends.server) == "last");
    CHECK(receiveFrom(*ends.server) == "");
    CHECK(receiveFrom(*ends.server) == "");
    // The other way is open still.
    REQUIRE(ends.server->send(bytesOf("thanks"), {}).ok());
    CHECK(receiveFrom(*ends.client) == "thanks");
  }
}

TEST_CASE("a flush to a peer that does not read ends with its time, and one to a peer that is gone fails") {
  Ends ends = tcpEnds();
  fill(*ends.client);
  REQUIRE(ends.client->endWriting().ok());
  Status flushed = ends.client->flush({50});
  REQUIRE(!flushed.ok());
  CHECK(flushed.failure().error == ETIMEDOUT);
  ends.server->destroy();
  ends.server.reset();  // with much unread: a reset
  flushed = ends.client->flush({2000});
  REQUIRE(!flushed.ok());
  CHECK(flushed.failure().error == ECONNRESET);
}

TEST_CASE("a wait for bytes ends with its time, its own cancellation, or the socket") {
  for (const Ends& ends : {unixEnds(), tcpEnds()}) {
    uint8_t byte = 0;
    auto late = ends.server->receive(Bytes{&byte, 1}, {20});
    REQUIRE(!late.ok());
    CHECK(late.failure().error == ETIMEDOUT);

    auto once = Cancellation::create();
    REQUIRE(once.ok());
    std::thread canceller([&] { (*once)->cancel(); });
    auto cancelled = ends.server->receive(Bytes{&byte, 1}, {Deadline::kNever, once->get()});
    canceller.join();
    REQUIRE(!cancelled.ok());
    CHECK(cancelled.failure().reason == Reason::kCancelled);

    // The socket is as good as before.
    REQUIRE(ends.client->send(bytesOf("x"), {}).ok());
    CHECK(receiveFrom(*ends.server) == "x");

    std::thread destroyer([&] { ends.server->destroy(); });
    auto destroyed = ends.server->receive(Bytes{&byte, 1}, {});
    destroyer.join();
    REQUIRE(!destroyed.ok());
    CHECK(destroyed.failure().reason == Reason::kCancelled);
    CHECK(ends.server->send(bytesOf("x"), {}).failure().reason == Reason::kCancelled);
    CHECK(ends.server->flush({}).failure().reason == Reason::kCancelled);
  }
}

TEST_CASE("a wait for room ends with its time and its cancellation") {
  for (const Ends& ends : {unixEnds(), tcpEnds()}) {
    fill(*ends.client);
    auto once = Cancellation::create();
    REQUIRE(once.ok());
    std::thread canceller([&] { (*once)->cancel(); });
    const std::vector<uint8_t> block(8 << 20);
    const Status sent =
        ends.client->send(ConstBytes(block.data(), block.size()), {Deadline::kNever, once->get()});
    canceller.join();
    REQUIRE(!sent.ok());
    CHECK(sent.failure().reason == Reason::kCancelled);
  }
}

TEST_CASE("whoever waits on a duplicate of a destroyed socket finds its end") {
  for (const Ends& ends : {unixEnds(), tcpEnds()}) {
    auto copy = ends.client->duplicate();
    REQUIRE(copy.ok());
    std::thread destroyer([&] { ends.client->destroy(); });
    pollfd watched{copy->get(), POLLIN, 0};
    CHECK(::poll(&watched, 1, 5000) == 1);
    destroyer.join();
    char byte;
    CHECK(::recv(copy->get(), &byte, 1, MSG_DONTWAIT) == 0);
    CHECK(::send(copy->get(), &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == -1);
    CHECK(errno == EPIPE);
  }
}

TEST_CASE("a peer that is gone is told from one that is silent") {
  for (Ends (*make)() : {unixEnds, tcpEnds}) {
    Ends ends = make();
    ends.server.reset();
    CHECK(receiveFrom(*ends.client) == "");
    Status sent;
    for (int tries = 0; tries < 100 && sent.ok(); ++tries) {
      sent = ends.client->send(bytesOf("x"), {1000});
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(!sent.ok());
    CHECK((sent.failure().error == EPIPE || sent.failure().error == ECONNRESET));
  }
}

TEST_CASE("only stream sockets are taken, and room for no byte is no room") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd other(pair[1]);
  CHECK(StreamSocket::over(UniqueFd(pair[0])).failure().reason == Reason::kInvalidArgument);
  CHECK(StreamSocket::over(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))).failure().error == ENOTSOCK);
  CHECK(unixEnds().client->receive(Bytes{}, {}).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE("a UNIX socket knows its peer") {
  auto peer = unixEnds().client->peer();
  REQUIRE(peer.ok());
  CHECK(peer->pid == ::getpid());
  CHECK(peer->uid == ::geteuid());
}

TEST_CASE("connecting where nobody listens, or nothing is, fails with what the kernel says") {
  auto address = [] { return tcpListener()->address(); }();  // gone again
  REQUIRE(address.ok());
  CHECK(StreamSocket::connect(*address, {1000}).failure().error == ECONNREFUSED);
  auto path = SocketAddress::ofPath("/no/such/socket");
  REQUIRE(path.ok());
  CHECK(StreamSocket::connect(*path, {1000}).failure().error == ENOENT);
}

TEST_CASE("connecting ends with its time and its cancellation when nobody accepts") {
  char folder[] = "/tmp/vfm-stream-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/socket";
  auto address = SocketAddress::ofPath(path);
  REQUIRE(address.ok());
  auto listener = StreamListener::listen(*address);
  REQUIRE(listener.ok());
  struct stat made {};
  REQUIRE(::stat(path.c_str(), &made) == 0);
  CHECK((made.st_mode & 0777) == 0600);

  std::vector<Socket> queued;
  for (;;) {
    auto connected = StreamSocket::connect(*address, {50});
    if (!connected) {
      CHECK(connected.failure().error == ETIMEDOUT);
      break;
    }
    queued.push_back(*connected);
    REQUIRE(queued.size() < 1000);
  }
  auto once = Cancellation::create();
  REQUIRE(once.ok());
  std::thread canceller([&] { (*once)->cancel(); });
  CHECK(StreamSocket::connect(*address, {Deadline::kNever, once->get()}).failure().reason ==
        Reason::kCancelled);
  canceller.join();
  CHECK(StreamListener::listen(*address).failure().error == EADDRINUSE);
  ::unlink(path.c_str());
  ::rmdir(folder);
}

TEST_CASE("accepting ends with its time, its own cancellation, or the listener") {
  const auto listener = tcpListener();
  CHECK(listener->accept({20}).failure().error == ETIMEDOUT);
  auto once = Cancellation::create();
  REQUIRE(once.ok());
  (*once)->cancel();
  CHECK(listener->accept({Deadline::kNever, once->get()}).failure().reason == Reason::kCancelled);
  std::thread canceller([&] { listener->cancel(); });
  CHECK(listener->accept({}).failure().reason == Reason::kCancelled);
  canceller.join();
}

TEST_CASE("addresses are figures and paths, nothing else") {
  auto four = SocketAddress::ofHost("127.0.0.1", 7000);
  REQUIRE(four.ok());
  CHECK(four->text() == "127.0.0.1:7000");
  CHECK(four->host() == "127.0.0.1");
  CHECK(four->port() == 7000);
  auto six = SocketAddress::ofHost("::1", 65535);
  REQUIRE(six.ok());
  CHECK(six->text() == "[::1]:65535");
  auto path = SocketAddress::ofPath("/run/socket");
  REQUIRE(path.ok());
  CHECK(path->text() == "/run/socket");
  CHECK(path->port() == 0);
  CHECK(SocketAddress::ofHost("localhost", 1).failure().reason == Reason::kInvalidArgument);
  CHECK(SocketAddress::ofHost("", 1).failure().reason == Reason::kInvalidArgument);
  CHECK(SocketAddress::ofPath("").failure().reason == Reason::kInvalidArgument);
  CHECK(SocketAddress::ofPath(std::string(108, 'x')).failure().reason == Reason::kInvalidArgument);
  CHECK(SocketAddress::ofPath(std::string(107, 'x')).ok());
  CHECK(SocketAddress::ofPath(std::string("a\0b", 3)).failure().reason == Reason::kInvalidArgument);
}
