// SPDX-License-Identifier: MIT
#include "ours.h"

#include "core/data/pump.h"
#include "core/io/cancellation.h"

namespace bench {
namespace {

constexpr size_t kBuffer = size_t{1} << 20;  // as the library takes for v2 when nothing else is asked for

class Ours final : public Contender {
 public:
  Ours(int fd, Framing framing) : fd_(fd), framing_(framing) {}

  uint64_t round(Source& source) override {
    const auto cancellation = vfm::Cancellation::create();
    auto output = vfm::Output::over(fd_);
    if (!cancellation || !output) die("cannot write the descriptor");
    const auto chunks = source.chunks(kBuffer);
    vfm::PumpControl control;
    auto pumped = framing_ == Framing::kRaw ? vfm::pumpToOutput(*chunks, *output, **cancellation, control)
                                            : frames(*chunks, *output, **cancellation, control);
    if (!pumped) die("pump: errno " + std::to_string(pumped.failure().error));
    if (pumped->progress != vfm::Progress::kEnd) die("the pump stopped early");
    return pumped->bytes;
  }

 private:
  static vfm::Result<vfm::Pumped> frames(vfm::ChunkSource& chunks, vfm::Output& output,
                                         const vfm::Cancellation& cancellation, vfm::PumpControl& control) {
    auto writer = vfm::FrameWriter::over(output, cancellation);
    if (!writer) return std::move(writer).failure();
    const uint8_t json[] = {'{', '}'};
    if (!writer->writeControl(vfm::FrameType::kManifest, 0, {json, 2}) ||
        !writer->writeControl(vfm::FrameType::kSectionBegin, 1, {json, 2}))
      die("frames");
    auto pumped = vfm::pumpToFrames(chunks, *writer, 1, control);
    if (!writer->writeControl(vfm::FrameType::kSectionEnd, 1, {}) || !writer->finish()) die("frames");
    return pumped;
  }

  int fd_;
  Framing framing_;
};

}  // namespace

std::unique_ptr<Contender> oursContender(const Tuning& tuning, Framing framing) {
  return std::make_unique<Ours>(tuning.fd, framing);
}

}  // namespace bench
