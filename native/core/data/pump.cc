// SPDX-License-Identifier: MIT
#include "core/data/pump.h"

#include <algorithm>
#include <thread>

#include "core/data/write_behind.h"
#include "core/threads/background.h"

namespace vfm {
namespace {

// How many pumps of this process are at work: where each processor has one already, a second thread for any
// of them only gets in the way of the others.
class AtWork {
 public:
  AtWork() { count_.fetch_add(1, std::memory_order_relaxed); }
  ~AtWork() { count_.fetch_sub(1, std::memory_order_relaxed); }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  static bool roomForTwoEach() {
    static const int processors = std::max<int>(static_cast<int>(std::thread::hardware_concurrency()), 1);
    return 2 * count_.load(std::memory_order_relaxed) <= processors;
  }

 private:
  static std::atomic<int> count_;
};
std::atomic<int> AtWork::count_{0};

// Smaller chunks are written sooner than another thread wakes up for them.
constexpr size_t kSmallestBehind = size_t{64} << 10;

// One pump from a source: reads on the calling thread, and writes there too or on one of its own.
template <typename Measure, typename Put>
class Drain {
 public:
  // `measure`: ChunkIntegrity(ConstBytes), on either thread. `put`: Status(ConstBytes, const
  // ChunkIntegrity&), one chunk into the sink.
  Drain(ChunkSource& source, PumpControl& control, const Pace& pace, Measure measure, Put put)
      : source_(source), control_(control), pace_(pace), measure_(std::move(measure)), put_(std::move(put)) {}

  Result<Pumped> run() {
    control_.mode.begin(PumpMode::Clock::now());
    for (;;) {
      auto border = atBorder();
      if (!border) return std::move(border).failure();
      if (*border) {
        total_.progress = Progress::kBytes;
        return finished();
      }
      const bool behind = control_.mode.overlapped() && typical_ >= kSmallestBehind &&
                          pace_.limit == nullptr && AtWork::roomForTwoEach();
      auto progress = behind ? stepBehind() : stepInTurn();
      if (!progress) return std::move(progress).failure();
      if (*progress != Progress::kBytes) {
        total_.progress = *progress;
        return finished();
      }
    }
  }

 private:
  // Whether the pump is to pause here.
  Result<bool> atBorder() {
    if (pace_.limit != nullptr) {
      if (Status admitted = pace_.limit->admit(*pace_.cancellation, control_.pause); !admitted)
        return std::move(admitted).failure();
    }
    return control_.pauseAsked();
  }

  Result<Progress> stepInTurn() {
    if (Status settled = settle(); !settled) return std::move(settled).failure();
    ChunkTimer timer(*control_.flight, ChunkTimer::Device::kFirst);
    auto turn = source_.next();
    if (!turn) {
      timer.failed(turn.failure());
      return std::move(turn).failure();
    }
    timer.half();
    if (turn->progress != Progress::kBytes) return turn->progress;
    const ConstBytes chunk{turn->bytes};
    if (Status moved = put_(chunk, measure_(chunk)); !moved) {
      timer.failed(moved.failure());
      return std::move(moved).failure();
    }
    timer.done(turn->bytes.size);
    control_.count(turn->bytes.size);
    if (turn->bytes.size > ChunkSource::kLargestAside) control_.mode.settleOnSerial();
    if (pace_.limit != nullptr) pace_.limit->pay(turn->bytes.size);
    count(turn->bytes.size);
    return Progress::kBytes;
  }

  Result<Progress> stepBehind() {
    if (!behind_) {
      auto started =
          WriteBehind::start([this](WriteBehind::Slot& slot) { slot.measured = measure_(slot.chunk); },
                             [this](WriteBehind::Slot& slot) { return write(slot); });
      if (!started) {  // no thread to be had: then without
        control_.mode.settleOnSerial();
        return stepInTurn();
      }
      behind_ = std::move(*started);
    }
    WriteBehind::Slot& slot = behind_->slot();
    if (behind_->failed()) return behind_->settle().failure();
    slot.timer.emplace(*control_.flight, ChunkTimer::Device::kFirst);
    auto turn = source_.nextInto(slot.memory, Place::kAside);
    if (!turn) {
      slot.timer->failed(turn.failure());
      // What was read before is written, as it would have been by one thread.
      if (Status settled = behind_->settle(); !settled) return std::move(settled).failure();
      return std::move(turn).failure();
    }
    slot.timer->half();
    if (turn->progress != Progress::kBytes) {
      slot.timer.reset();
      return turn->progress;
    }
    slot.chunk = turn->bytes;
    behind_->hand();
    const bool own = turn->memory == slot.memory;
    if (!own || turn->bytes.size > ChunkSource::kLargestAside) {
      if (!own) {  // the device's own memory, which its next turn may change
        if (Status settled = settle(); !settled) return std::move(settled).failure();
      }
      control_.mode.settleOnSerial();
    }
    count(turn->bytes.size);
    return Progress::kBytes;
  }

  // On the thread that writes.
  Status write(WriteBehind::Slot& slot) {
    Status moved = put_(slot.chunk, slot.measured);
    if (!moved) {
      slot.timer->failed(moved.failure());
      return moved;
    }
    slot.timer->done(slot.chunk.size);
    control_.count(slot.chunk.size);
    return moved;
  }

  void count(size_t bytes) {
    total_.bytes += bytes;
    total_.chunks += 1;
    typical_ += bytes / 8 - typical_ / 8;
    turns_.moved(bytes);
    // What is still to be written is part of the window. A failure of that is found at the next turn.
    control_.mode.moved(bytes, [this] {
      (void)settle();
      return PumpMode::Clock::now();
    });
  }

  Status settle() { return behind_ ? behind_->settle() : Status::success(); }

  Result<Pumped> finished() {
    if (Status settled = settle(); !settled) return std::move(settled).failure();
    return total_;
  }

  const AtWork atWork_;
  const Background background_;
  ChunkSource& source_;
  PumpControl& control_;
  const Pace& pace_;
  Measure measure_;
  Put put_;
  Pumped total_;
  size_t typical_ = 0;  // size of the last few chunks
  TakingTurns turns_;
  std::unique_ptr<WriteBehind> behind_;  // last: its thread uses the others
};

// Both calls copy where there are pages or a reader to copy to; where there are none the second thread would
// have nothing to do, so that it need not be tried. TCP is faster the one way or the other as the network and
// the receiver are.
void expectOf(Channel::Medium medium, PumpMode& mode) {
  switch (medium) {
    case Channel::Medium::kFile:
    case Channel::Medium::kLocalSocket:
      return mode.expect(true);
    case Channel::Medium::kNothing:
      return mode.settleOnSerial();
    case Channel::Medium::kOther:
      return;
  }
}

// Small enough for its cache lines to be still there when they are written.
constexpr size_t kChunk = size_t{512} << 10;

template <typename Measure, typename Put>
Result<Pumped> drain(ChunkSource& source, PumpControl& control, const Pace& pace, Measure measure, Put put) {
  source.limitChunks(kChunk);
  return Drain<Measure, Put>(source, control, pace, std::move(measure), std::move(put)).run();
}

ChunkIntegrity unmeasured(ConstBytes) { return {}; }

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
  expectOf(output.medium(), control.mode);
  return drain(source, control, pace, unmeasured,
               [&](ConstBytes chunk, const ChunkIntegrity&) { return output.writeAll(chunk, cancellation); });
}

Result<Pumped> pumpToFrames(ChunkSource& source, FrameWriter& writer, uint32_t section, PumpControl& control,
                            const Pace& pace) {
  expectOf(writer.medium(), control.mode);
  return drain(
      source, control, pace, [&](ConstBytes chunk) { return writer.measure(chunk); },
      [&](ConstBytes chunk, const ChunkIntegrity& measured) {
        return writer.writeData(section, chunk, measured);
      });
}

Result<Pumped> pumpToSink(ChunkSource& source, ChunkSink& sink, PumpControl& control,
                          PumpControl& sinkControl, const Pace& pace) {
  return drain(source, control, pace, unmeasured, [&](ConstBytes chunk, const ChunkIntegrity&) {
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
