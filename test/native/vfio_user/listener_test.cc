// SPDX-License-Identifier: MIT
// Where a server listens, whom it lets in, and what it leaves behind.
#include "core/vfio_user/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "core/vfio_user/server.h"
#include "simulated/bench_device.h"
#include "vfio_user/bus_master.h"
#include "vfio_user/raw_client.h"

using namespace vfm;
using namespace vfm::vfio_user;

namespace {

struct Folder {
  std::string path = "/tmp/vfm-listener-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    const int failed = ::system(("rm -rf " + path).c_str());
    CHECK(failed == 0);
  }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

int errnoOf(const std::string& path, const ListenerOptions& options = {}) {
  auto listener = Listener::open(path, options);
  return listener ? 0 : listener.failure().error;
}

mode_t modeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode;
}

UniqueFd connectTo(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

}  // namespace

TEST_CASE("a server's socket is its owner's alone, and goes with the server") {
  Folder folder;
  {
    auto listener = Listener::open(folder / "a", {});
    REQUIRE(listener.ok());
    CHECK(modeOf(folder / "a") == (S_IFSOCK | 0600));
  }
  CHECK(::access((folder / "a").c_str(), F_OK) != 0);
}

TEST_CASE("a directory that others can enter is refused, unless that is asked for or they are meant to") {
  Folder folder;
  REQUIRE(::chmod(folder.path.c_str(), 0755) == 0);
  auto refused = Listener::open(folder / "a", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().error == EACCES);
  CHECK(refused.failure().detail.find("chmod 700") != std::string::npos);
  CHECK(errnoOf(folder / "a", {{}, true}) == 0);
  {
    auto shared = Listener::open(folder / "a", {{12345}, false});
    REQUIRE(shared.ok());
    CHECK(modeOf(folder / "a") == (S_IFSOCK | 0666));
  }
  REQUIRE(::chmod(folder.path.c_str(), 0777) == 0);
  CHECK(errnoOf(folder / "a", {{12345}, false}) == EACCES);
  REQUIRE(::chmod(folder.path.c_str(), 0700) == 0);
  CHECK(errnoOf(folder / "a") == 0);
}

TEST_CASE("a socket that nobody listens on is replaced, anything else is not") {
  Folder folder;
  const std::string path = folder / "a";
  {
    UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(::access(path.c_str(), F_OK) == 0);
  auto listener = Listener::open(path, {});
  REQUIRE(listener.ok());
  CHECK(errnoOf(path) == EADDRINUSE);
  CHECK(connectTo(path).valid());
  listener->reset();
  UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(errnoOf(path) == EEXIST);
  CHECK(S_ISREG(modeOf(path)));
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::symlink("/dev/null", path.c_str()) == 0);
  CHECK(errnoOf(path) == EEXIST);
  CHECK(errnoOf(folder / "no/such/directory") == ENOENT);
  CHECK_FALSE(Listener::open(folder.path + "/", {}).ok());
  CHECK(errnoOf(folder / std::string(200, 'x')) == ENAMETOOLONG);
}

TEST_CASE("a server takes away only its own socket") {
  Folder folder;
  const std::string path = folder / "a";
  auto first = Listener::open(path, {});
  REQUIRE(first.ok());
  REQUIRE(::unlink(path.c_str()) == 0);
  auto second = Listener::open(path, {});
  REQUIRE(second.ok());
  first->reset();
  CHECK(connectTo(path).valid());
}

TEST_CASE("a directory deeper than a socket's address is long can be listened in") {
  Folder folder;
  const std::string deep = folder / std::string(150, 'd');
  REQUIRE(::mkdir(deep.c_str(), 0700) == 0);
  auto listener = Listener::open(deep + "/a", {});
  REQUIRE(listener.ok());
  CHECK(S_ISSOCK(modeOf(deep + "/a")));
}

TEST_CASE("a server serves one client after the other, tells of each, and ends when it is told to") {
  Folder folder;
  auto device = openSimulated(bench::v2Options(64 << 10));
  REQUIRE(device.ok());
  auto server = Server::start(*device, folder / "a", {});
  REQUIRE(server.ok());
  {
    const UniqueFd first = connectTo(folder / "a");
    const UniqueFd second = connectTo(folder / "a");
    REQUIRE(raw::Client::sendOn(second.get(), raw::version()));
    REQUIRE(raw::Client::sendOn(first.get(), raw::version()));
    CHECK(raw::Client::receiveOn(first.get()).error() == 0);
    pollfd waiting{second.get(), POLLIN, 0};
    CHECK(::poll(&waiting, 1, 50) == 0);
    ::shutdown(first.get(), SHUT_RDWR);
    CHECK(raw::Client::receiveOn(second.get()).error() == 0);
  }
  using Kind = ServerEvent::Kind;
  for (const Kind kind : {Kind::kConnected, Kind::kDisconnected, Kind::kConnected, Kind::kDisconnected}) {
    auto event = (*server)->nextEvent();
    REQUIRE(event);
    CHECK(event->kind == kind);
    CHECK(event->pid == ::getpid());
    CHECK(event->uid == ::geteuid());
  }
  // Stopped with a client in the middle.
  const UniqueFd third = connectTo(folder / "a");
  REQUIRE(raw::Client::sendOn(third.get(), raw::version()));
  CHECK(raw::Client::receiveOn(third.get()).error() == 0);
  (*server)->stop();
  CHECK(raw::Client::receiveOn(third.get()).closed);
  CHECK((*server)->nextEvent()->kind == Kind::kConnected);
  CHECK((*server)->nextEvent()->detail == "the server is closing");
  CHECK_FALSE((*server)->nextEvent());
  CHECK(::access((folder / "a").c_str(), F_OK) != 0);
}

TEST_CASE("a server of one client ends with it; one that never negotiates does not count") {
  Folder folder;
  auto device = openSimulated(bench::v2Options(64 << 10));
  REQUIRE(device.ok());
  ServeOptions options;
  options.once = true;
  auto server = Server::start(*device, folder / "a", options);
  REQUIRE(server.ok());
  { const UniqueFd nobody = connectTo(folder / "a"); }
  CHECK((*server)->nextEvent()->kind == ServerEvent::Kind::kFailed);
  {
    const UniqueFd client = connectTo(folder / "a");
    REQUIRE(raw::Client::sendOn(client.get(), raw::version()));
    CHECK(raw::Client::receiveOn(client.get()).error() == 0);
  }
  CHECK((*server)->nextEvent()->kind == ServerEvent::Kind::kConnected);
  CHECK((*server)->nextEvent()->kind == ServerEvent::Kind::kDisconnected);
  CHECK_FALSE((*server)->nextEvent());
}

TEST_CASE("a device of the kernel's is served only when that is asked for by name, and limits are checked") {
  Folder folder;
  auto device = std::make_shared<BusMaster>();
  device->descriptor_ = 1000;
  auto refused = Server::start(device, folder / "a", {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.failure().reason == Reason::kUnsupported);
  ServeOptions options;
  options.passThrough = true;
  CHECK(Server::start(device, folder / "a", options).ok());
  options.maxTransfer = 100;
  CHECK(Server::start(device, folder / "a", options).failure().reason == Reason::kInvalidArgument);
}
