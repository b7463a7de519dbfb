// SPDX-License-Identifier: MIT
// Replays a server's part of test/fixtures/vfio-user/client-*.txt, byte for byte, against the client.
#include <sys/eventfd.h>

#include <condition_variable>

#include "core/dma/address_table.h"
#include "vfio_user/model_server.h"
#include "vfio_user/transcript.h"

using namespace vfm;
using namespace vfm::vfio_user;
using vfm::test::Buffer;
using vfm::test::ModelServer;
using vfm::test::WireMessage;

namespace {

std::string hex(const uint8_t* bytes, size_t size) {
  std::string text;
  char two[3];
  for (size_t i = 0; i < size; ++i) {
    std::snprintf(two, sizeof two, "%02x", bytes[i]);
    text += two;
  }
  return text;
}

Buffer unhex(const std::string& text) {
  Buffer bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

template <typename Outcome>
std::string failed(const Outcome& outcome) {
  const Failure& failure = outcome.failure();
  return failure.error != 0 ? "error " + std::to_string(failure.error) : "failure: " + failure.detail;
}

// The client, doing what it is told.
class Actor {
 public:
  explicit Actor(UniqueFd socket) : socket_(std::move(socket)) {}

  std::string perform(const std::string& text) {
    std::istringstream words(text);
    std::string verb;
    words >> verb;
    auto number = [&] {
      uint64_t value = 0;
      words >> value;
      return value;
    };
    if (verb == "open") return open();
    if (verb == "flags") {
      auto flags = device_->migrationFlags();
      return flags ? std::to_string(*flags) : failed(flags);
    }
    if (verb == "read") {
      const auto region = static_cast<uint32_t>(number());
      const uint64_t offset = number();
      Buffer into(number());
      auto read = device_->readRegion(region, offset, Bytes{into.data(), into.size()});
      return read ? hex(into.data(), *read) : failed(read);
    }
    if (verb == "write") {
      const auto region = static_cast<uint32_t>(number());
      const uint64_t offset = number();
      std::string bytes;
      words >> bytes;
      const Buffer from = unhex(bytes);
      auto written = device_->writeRegion(region, offset, ConstBytes{from.data(), from.size()});
      return written ? std::to_string(*written) : failed(written);
    }
    if (verb == "irq-eventfds") {
      const auto index = static_cast<uint32_t>(number());
      std::vector<UniqueFd> events(number());
      IrqDescriptors borrowed;
      for (UniqueFd& event : events) borrowed.push_back((event = UniqueFd(::eventfd(0, EFD_CLOEXEC))).get());
      return plain(device_->setIrqs({index, 0, IrqAction::kTrigger, borrowed}));
    }
    if (verb == "irq-disable") {
      return plain(device_->setIrqs({static_cast<uint32_t>(number()), 0, IrqAction::kTrigger, IrqsAll{0}}));
    }
    if (verb == "reset") return plain(device_->reset());
    if (verb == "set-state") {
      auto change = device_->setMigrationState(static_cast<uint32_t>(number()));
      if (!change) return failed(change);
      if (!change->session) return "ok";
      session_ = std::move(change->session);
      return "session";
    }
    if (verb == "session-read") {
      Buffer into(number());
      auto read = session_->read(Bytes{into.data(), into.size()});
      if (!read) return failed(read);
      if (read->progress == Progress::kBytes) return hex(into.data(), read->bytes);
      return read->progress == Progress::kDrained ? "drained" : "end";
    }
    if (verb == "session-write") {
      std::string bytes;
      words >> bytes;
      const Buffer from = unhex(bytes);
      auto written = session_->write(ConstBytes{from.data(), from.size()});
      return written ? std::to_string(*written) : failed(written);
    }
    const uint64_t iova = number(), size = number();
    if (verb == "map") {
      auto memory = DmaMemory::allocate(size, {});
      if (!memory) return failed(memory);
      if (Status attached = device_->attach(space_); !attached) return failed(attached);
      return plain(space_->map(iova, {*memory, 0, size}, Protection::kReadWrite));
    }
    if (verb == "unmap") {
      auto unmapped = space_->unmap(iova, size, nullptr);
      return unmapped ? "ok" : failed(unmapped);
    }
    if (verb == "log-start") {
      auto started = device_->startDmaLog({IovaRange{iova, iova + size - 1}}, 4096);
      return started ? std::to_string(*started) : failed(started);
    }
    if (verb == "log-report") {
      auto bitmap = DirtyBitmap::create(iova, size, 4096);
      Status reported = device_->reportDmaLog(**bitmap);
      return reported ? std::to_string((*bitmap)->words()[0]) : failed(reported);
    }
    if (verb == "log-stop") return plain(device_->stopDmaLog());
    return "no such verb: " + verb;
  }

 private:
  static std::string plain(const Status& status) { return status ? "ok" : failed(status); }
  std::string open() {
    const ClientOptions options = ModelServer::quick(20'000);
    auto connection = ClientConnection::over(
        std::make_unique<Socket>(std::move(socket_), ClientConnection::limits(options)), options);
    if (!connection) return failed(connection);
    auto device = ClientDevice::over(std::move(*connection));
    if (!device) return failed(device);
    device_ = std::move(*device);
    return "ok";
  }

  UniqueFd socket_;
  std::shared_ptr<ClientDevice> device_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<AddressTable> space_ = std::make_shared<AddressTable>();
};

struct Line {
  int number = 0;
  std::string mark;  // "@do", ">", ">fd", "<", "<fd", "="
  std::string text;
};

std::vector<Line> linesOf(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  std::vector<Line> lines;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    const size_t space = text.find(' ');
    lines.push_back({number, text.substr(0, space), text.substr(space + 1)});
  }
  return lines;
}

void replay(const std::string& name) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Actor actor{UniqueFd(ends[0])};
  const UniqueFd socket(ends[1]);
  const std::vector<Line> lines = linesOf(std::string(VFM_SOURCE_DIR "/test/fixtures/vfio-user/") + name);
  std::thread doing;
  std::string outcome;
  std::vector<UniqueFd> given;
  size_t descriptors = 0;
  bool agrees = true;
  for (size_t i = 0; i < lines.size() && agrees; ++i) {
    const Line& line = lines[i];
    CAPTURE(line.number);
    if (line.mark == "@do") {
      doing = std::thread([&] { outcome = actor.perform(line.text); });
    } else if (line.mark == "=") {
      doing.join();
      CHECK(outcome == line.text);
      agrees = outcome == line.text;
    } else if (line.mark == ">fd") {
      CHECK(descriptors == std::stoul(line.text));
    } else if (line.mark == "<fd") {
      given.emplace_back(::memfd_create("given", MFD_CLOEXEC | MFD_ALLOW_SEALING));
      REQUIRE(::ftruncate(given.back().get(), std::stol(line.text.substr(line.text.find(' ')))) == 0);
      REQUIRE(::fcntl(given.back().get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    } else {
      // A message may go over several lines.
      transcript::Expected message = transcript::parseBytes(line.text, line.number);
      while (i + 1 < lines.size() && lines[i + 1].mark == line.mark && message.bytes.size() >= 8) {
        uint32_t size = 0;
        for (size_t byte = 0; byte < 4; ++byte)
          size |= uint32_t{message.bytes[4 + byte].value_or(0xff)} << (8 * byte);
        if (size <= message.bytes.size()) break;
        const auto more = transcript::parseBytes(lines[i + 1].text, lines[i + 1].number);
        ++i;
        message.bytes.insert(message.bytes.end(), more.bytes.begin(), more.bytes.end());
        message.anyRest = more.anyRest;
      }
      if (line.mark == "<") {
        WireMessage wire;
        for (const auto& byte : message.bytes) wire.bytes.push_back(byte.value());
        for (const UniqueFd& fd : given) wire.descriptors.push_back(fd.get());
        ModelServer::sendRaw(socket.get(), wire);
        given.clear();
        continue;
      }
      Header header;
      Buffer payload;
      agrees = ModelServer::receive(socket.get(), header, payload, &descriptors);
      REQUIRE(agrees);
      Buffer got(sizeof header);
      std::memcpy(got.data(), &header, sizeof header);
      got.insert(got.end(), payload.begin(), payload.end());
      agrees = message.anyRest ? got.size() >= message.bytes.size() : got.size() == message.bytes.size();
      for (size_t byte = 0; agrees && byte < message.bytes.size(); ++byte) {
        agrees = message.bytes[byte].value_or(got[byte]) == got[byte];
      }
      CHECK_MESSAGE(agrees, name << ":" << line.number << ": got " << hex(got.data(), got.size()));
    }
  }
  ::shutdown(socket.get(), SHUT_RDWR);
  if (doing.joinable()) doing.join();
}

}  // namespace

TEST_CASE("the transcript of a v2 device") { replay("client-v2.txt"); }
TEST_CASE("the transcript of a v1 device") { replay("client-v1.txt"); }
