// SPDX-License-Identifier: MIT
#include "core/data/pump.h"

namespace vfm {
namespace {

template <typename Put>
Result<Pumped> drain(ChunkSource& source, PumpControl& control, const Pace& pace, Put&& put) {
  Pumped total;
  for (;;) {
    if (pace.limit != nullptr) {
      if (Status admitted = pace.limit->admit(*pace.cancellation, control.pause); !admitted) {
        return std::move(admitted).failure();
      }
    }
    if (control.pauseAsked()) {
      total.progress = Progress::kBytes;
      return total;
    }
    ChunkTimer timer(*control.flight, ChunkTimer::Device::kFirst);
    auto turn = source.next();
    if (!turn) {
      timer.failed(turn.failure());
      return std::move(turn).failure();
    }
    timer.half();
    if (turn->progress != Progress::kBytes) {
      total.progress = turn->progress;
      return total;
    }
    if (Status moved = put(ConstBytes{turn->bytes}); !moved) {
      timer.failed(moved.failure());
      return std::move(moved).failure();
    }
    timer.done(turn->bytes.size);
    control.count(turn->bytes.size);
    if (pace.limit != nullptr) pace.limit->pay(turn->bytes.size);
    total.bytes += turn->bytes.size;
    total.chunks += 1;
  }
}

template <typename Take>
Result<Pumped> follow(FrameCursor& frames, uint32_t section, PumpControl& control, Take&& take) {
  Pumped total;
  for (;;) {
    ChunkTimer timer(*control.flight, ChunkTimer::Device::kLast);
    auto header = frames.peek();
    if (!header) return std::move(header).failure();
    if (!header->is(FrameType::kData) || header->section != section) return total;
    if (Status taken = take(frames.take(), static_cast<size_t>(header->length), timer); !taken) {
      timer.failed(taken.failure());
      return std::move(taken).failure();
    }
    timer.done(header->length);
    control.count(header->length);
    total.bytes += header->length;
    total.chunks += 1;
  }
}

}  // namespace

Result<Pumped> pumpToOutput(ChunkSource& source, Output& output, const Cancellation& cancellation,
                            PumpControl& control, const Pace& pace) {
  return drain(source, control, pace, [&](ConstBytes chunk) { return output.writeAll(chunk, cancellation); });
}

Result<Pumped> pumpToFrames(ChunkSource& source, FrameWriter& writer, uint32_t section, PumpControl& control,
                            const Pace& pace) {
  return drain(source, control, pace, [&](ConstBytes chunk) { return writer.writeData(section, chunk); });
}

Result<Pumped> pumpToSink(ChunkSource& source, ChunkSink& sink, PumpControl& control,
                          PumpControl& sinkControl, const Pace& pace) {
  return drain(source, control, pace, [&](ConstBytes chunk) {
    ChunkTimer timer(*sinkControl.flight, ChunkTimer::Device::kLast);
    timer.half();
    Status taken = sink.put(chunk);
    if (!taken) {
      timer.failed(taken.failure());
      return taken;
    }
    timer.done(chunk.size);
    sinkControl.count(chunk.size);
    return taken;
  });
}

Result<Pumped> pumpFromInput(Input& input, ChunkSink& sink, size_t piece, const Cancellation& cancellation,
                             PumpControl& control) {
  if (sink.needsBorders()) {
    return Failure::because(Reason::kUnsupported, "load from a descriptor",
                            "v1 needs its chunk borders, which raw bytes do not carry");
  }
  Pumped total;
  for (;;) {
    ChunkTimer timer(*control.flight, ChunkTimer::Device::kLast);
    auto room = sink.prepare(piece);
    if (!room) return std::move(room).failure();
    auto read = input.readSome(*room, cancellation);
    if (!read) return std::move(read).failure();
    if (*read == 0) return total;
    timer.half();
    if (Status taken = sink.put(ConstBytes{room->data, *read}); !taken) {
      timer.failed(taken.failure());
      return std::move(taken).failure();
    }
    timer.done(*read);
    control.count(*read);
    total.bytes += *read;
    total.chunks += 1;
  }
}

Result<Pumped> pumpFromFrames(FrameCursor& frames, uint32_t section, ChunkSink& sink, PumpControl& control) {
  return follow(frames, section, control,
                [&](FrameReader& reader, size_t length, ChunkTimer& timer) -> Status {
                  auto room = sink.prepare(length);
                  if (!room) return std::move(room).failure();
                  // Checked before the device is told of it: a corrupt chunk never happened.
                  if (Status read = reader.readPayload(*room); !read) return read;
                  timer.half();
                  return sink.commit();
                });
}

Result<Pumped> skipFrames(FrameCursor& frames, uint32_t section, PumpControl& control) {
  return follow(frames, section, control,
                [](FrameReader& reader, size_t, ChunkTimer&) { return reader.skipPayload(); });
}

}  // namespace vfm
