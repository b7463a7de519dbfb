// SPDX-License-Identifier: MIT
// Every message of the protocol as the fixtures have it, byte for byte, against the server.
#include "vfio_user/transcript.h"

#include <sstream>

#include "simulated/bench_device.h"
#include "vfio_user/raw_client.h"

using namespace raw;
using transcript::Step;

namespace {

class Replay {
 public:
  explicit Replay(const std::string& name) : name_(name) {
    steps_ = transcript::read(std::string(VFM_SOURCE_DIR) + "/test/fixtures/vfio-user/" + name);
  }

  // Each client's bytes in pieces of `piece`.
  void run(size_t piece) {
    piece_ = piece;
    for (at_ = 0; at_ < steps_.size(); ++at_) {
      const Step& step = steps_[at_];
      CAPTURE(name_);
      CAPTURE(step.line);
      one(step);
    }
    CHECK(checked_ > 20);
  }

 private:
  void one(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kDevice:
        client_.reset();
        device_ = open(step.word);
        options_.strict = false;
        return;
      case Step::Kind::kStrict:
        options_.strict = true;
        return;
      case Step::Kind::kConnect:
        client_.reset();
        client_ = std::make_unique<Client>(device_, options_);
        return;
      case Step::Kind::kSendDescriptor:
        outgoing_.push_back(make(step.word));
        return;
      case Step::Kind::kSend:
        return send(step);
      case Step::Kind::kReceive:
        return receive(step);
      case Step::Kind::kDescriptors:
        CHECK(last_.descriptors.size() == std::stoul(step.word));
        return;
      case Step::Kind::kClose:
        CHECK(client_->receive().closed);
        ++checked_;
        return;
    }
  }

  static std::shared_ptr<Device> open(const std::string& kind) {
    SimulatedOptions options =
        kind == "v2"
            ? bench::v2Options(64 << 10)
            : bench::v1Options(kind == "v1" ? DataSection::kMapped : DataSection::kTrapped, 64 << 10);
    options.chunkBytes = 64 << 10;
    auto device = openSimulated(options);
    REQUIRE(device.ok());
    return std::move(*device);
  }

  UniqueFd make(const std::string& words) {
    std::istringstream in(words);
    std::string kind;
    uint64_t size = 0;
    in >> kind >> size;
    if (kind == "eventfd") return UniqueFd(::eventfd(0, EFD_CLOEXEC));
    if (kind == "null") return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (kind == "memfd" || kind == "loose") return memoryFile(size, kind == "memfd");
    if (kind == "readonly") {
      const UniqueFd whole = memoryFile(size, true);
      return UniqueFd(::open(("/proc/self/fd/" + std::to_string(whole.get())).c_str(), O_RDONLY | O_CLOEXEC));
    }
    int pair[2];
    REQUIRE((kind == "pipe" || kind == "socket"));
    REQUIRE((kind == "pipe" ? ::pipe2(pair, O_CLOEXEC)
                            : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) == 0);
    UniqueFd other(pair[0]);
    return UniqueFd(pair[1]);
  }

  void send(const Step& step) {
    Bytevector bytes;
    for (const auto& byte : step.bytes.bytes) bytes.push_back(byte.value());
    std::vector<int> descriptors;
    for (const UniqueFd& fd : outgoing_) descriptors.push_back(fd.get());
    for (size_t from = 0; from < bytes.size(); from += piece_) {
      const size_t to = std::min(bytes.size(), from + piece_);
      client_->send(
          Bytevector(bytes.begin() + static_cast<long>(from), bytes.begin() + static_cast<long>(to)),
          from == 0 ? descriptors : std::vector<int>());
    }
    outgoing_.clear();
  }

  // One message, which the next lines may go on describing.
  void receive(const Step& first) {
    last_ = client_->receive();
    REQUIRE_FALSE(last_.closed);
    transcript::Expected expected = first.bytes;
    while (expected.bytes.size() < last_.bytes.size() && !expected.anyRest && at_ + 1 < steps_.size() &&
           steps_[at_ + 1].kind == Step::Kind::kReceive) {
      const transcript::Expected& more = steps_[++at_].bytes;
      expected.bytes.insert(expected.bytes.end(), more.bytes.begin(), more.bytes.end());
      expected.anyRest = more.anyRest;
    }
    if (expected.anyRest) {
      REQUIRE(last_.bytes.size() >= expected.bytes.size());
    } else {
      REQUIRE(last_.bytes.size() == expected.bytes.size());
    }
    for (size_t i = 0; i < expected.bytes.size(); ++i) {
      if (!expected.bytes[i]) continue;
      CAPTURE(i);
      REQUIRE(static_cast<int>(last_.bytes[i]) == static_cast<int>(*expected.bytes[i]));
    }
    ++checked_;
  }

  std::string name_;
  std::vector<Step> steps_;
  size_t at_ = 0;
  size_t piece_ = SIZE_MAX;
  int checked_ = 0;
  std::shared_ptr<Device> device_;
  vfio_user::ServeOptions options_;
  std::unique_ptr<Client> client_;
  std::vector<UniqueFd> outgoing_;
  Message last_;
};

constexpr const char* kTranscripts[] = {"server-negotiation.txt", "server-device.txt", "server-dma.txt",
                                        "server-migration-v1.txt", "server-migration-v2.txt"};

}  // namespace

TEST_CASE("a vfio-user server answers every message as the transcripts have it") {
  for (const char* name : kTranscripts) Replay(name).run(1 << 30);
}

TEST_CASE("a vfio-user server does not mind how its client's bytes are cut, down to one at a time") {
  for (size_t piece : {1, 7}) {
    for (const char* name : kTranscripts) Replay(name).run(piece);
  }
}
