// SPDX-License-Identifier: MIT
#include "core/simulated/simulated_session.h"

#include <algorithm>
#include <cerrno>

#include "core/device/stream_end.h"

namespace vfm {

namespace {

// The most that is copied under the device's lock in one go: a fraction of a millisecond.
constexpr size_t kPiece = 1u << 20;

Failure cancelled(const char* operation) { return Failure::because(Reason::kCancelled, operation); }

}  // namespace

SimulatedSession::SimulatedSession(std::shared_ptr<SimulatedDevice> device, std::shared_ptr<SaveStream> save,
                                   std::shared_ptr<LoadStream> load)
    : device_(std::move(device)), save_(std::move(save)), load_(std::move(load)) {}

void SimulatedSession::cancel() {
  SimulatedDevice::Lock lock(device_->mutex_);
  cancelled_ = true;
  device_->changed_.notify_all();
}

Status SimulatedSession::pause(SimulatedDevice::Lock& lock, uint32_t milliseconds, const char* name) {
  Status paused = device_->pause(lock, milliseconds, [this] { return cancelled_.load() || ended(); });
  if (cancelled_) return cancelled(name);
  if (ended()) return Failure::system(ENODEV, name, name, "the session has ended");
  return paused;
}

Status SimulatedSession::trouble(SimulatedDevice::Lock& lock, Operation operation, const char* name,
                                 size_t& size) {
  const char* state = operation == Operation::kRead ? v2::stateName(device_->v2_->state()) : "";
  uint32_t milliseconds = *state ? device_->faults_.delay(operation, state) : 0;
  if (milliseconds == 0) milliseconds = device_->faults_.delay(operation);
  if (Status paused = pause(lock, milliseconds, name); !paused.ok()) return paused;
  device_->stir(operation, state);
  if (ended()) return Failure::system(ENODEV, name, name, "the session has ended");
  auto strike = device_->faults_.strike(operation, state);
  if (!strike) return {};
  if (strike->kind == FaultKind::kHang) return pause(lock, SimulatedDevice::kForEver, name);
  if (strike->kind == FaultKind::kShort) {
    size = strike->shortOf(size, 1);
    return {};
  }
  if (strike->outcome == FaultOutcome::kError) device_->v2_->enterError();
  return Failure::system(strike->error, name, name, "a fault that was asked for");
}

Result<size_t> SimulatedSession::nothingForNow(bool stopped) const {
  if (stopped || options().drained == DrainedConvention::kZero) return size_t{0};
  return Failure::system(ENOMSG, "read", "read", "nothing to send for now");
}

void SimulatedSession::awaitChunk(SimulatedDevice::Lock& lock) {
  const auto until = save_->pacer().ready();
  // A state change can make it another chunk that is waited for.
  device_->changed_.wait_until(lock, until, [&] {
    return cancelled_ || ended() || save_->failed() || save_->pacer().ready() != until;
  });
}

Result<size_t> SimulatedSession::readOnce(Bytes into) {
  {
    SimulatedDevice::Lock lock(device_->mutex_);
    Status fine = trouble(lock, Operation::kRead, "read", into.size);
    if (!fine.ok()) return std::move(fine).failure();
  }
  if (options().shortRead > 0) into = into.first(std::min<size_t>(into.size, options().shortRead));
  size_t done = 0;
  while (done < into.size) {
    if (cancelled_) return cancelled("read");
    SimulatedDevice::Lock lock(device_->mutex_);
    if (ended() || save_->failed()) return Failure::system(ENODEV, "read", "read", "the session has ended");
    if (int error = device_->machine_->advance()) return Failure::system(error, "read", "read");
    size_t bytes = 0;
    Bytes piece = into.from(done);
    piece.size = std::min(piece.size, kPiece);
    bool stopped = device_->v2_->state() == v2::kStopCopy;
    const SavePacer& pacer = save_->pacer();
    if (!pacer.isReady(SavePacer::Clock::now()) && save_->hasMore(stopped)) {
      if (done > 0) break;
      if (!pacer.blocks()) return nothingForNow(stopped);
      awaitChunk(lock);
      continue;
    }
    piece.size = static_cast<size_t>(std::min<uint64_t>(piece.size, pacer.left()));
    int error = save_->read(piece, stopped, bytes);
    done += bytes;
    if (error != 0) return Failure::system(error, "read", "read");
    if (bytes < piece.size) {
      if (done == 0) return nothingForNow(stopped);
      break;
    }
  }
  return done;
}

Result<uint32_t> SimulatedSession::sampleState() {
  SimulatedDevice::Lock lock(device_->mutex_);
  return device_->v2_->state();
}

Result<ReadOutcome> SimulatedSession::read(Bytes into) {
  if (!save_) return Failure::system(EBADF, "read", "read", "this session takes data in");
  if (into.size == 0) return Failure::because(Reason::kInvalidArgument, "read", "no room to read into");
  std::lock_guard<std::mutex> one(transfer_);
  return readStream([&] { return readOnce(into); }, [&] { return sampleState(); });
}

Result<size_t> SimulatedSession::write(ConstBytes from) {
  if (!load_) return Failure::system(EBADF, "write", "write", "this session gives data out");
  std::lock_guard<std::mutex> one(transfer_);
  SimulatedDevice::Lock lock(device_->mutex_);
  Status fine = trouble(lock, Operation::kWrite, "write", from.size);
  if (!fine.ok()) return std::move(fine).failure();
  if (options().shortWrite > 0) from = from.first(std::min<size_t>(from.size, options().shortWrite));
  from = from.first(std::min(from.size, kPiece));
  if (device_->v2_->functionGone()) return Failure::system(ENOTCONN, "write", "write");
  size_t taken = 0;
  if (int error = load_->write(from, taken)) {
    return Failure::system(error, "write", "write", "not a stream of a device like this one, or damaged");
  }
  return taken;
}

Result<PrecopyInfo> SimulatedSession::precopyInfo() {
  const char* request = "VFIO_MIG_GET_PRECOPY_INFO";
  if (!save_) return Failure::system(ENOTTY, "ioctl", request);
  SimulatedDevice::Lock lock(device_->mutex_);
  if (device_->closed_) return Failure::system(ENODEV, "ioctl", request, "the device is gone");
  const char* state = v2::stateName(device_->v2_->state());
  Status fine = device_->trouble(lock, Operation::kPrecopyInfo, state, "ioctl", request);
  if (!fine.ok()) return std::move(fine).failure();
  if (int error = device_->v2_->precopyInfoRefusal()) {
    return Failure::system(error, "ioctl", request, "not of this device, or not in this state");
  }
  if (ended() || save_->failed())
    return Failure::system(ENODEV, "ioctl", request, "the session has ended, another one is in progress");
  if (int error = device_->machine_->advance()) return Failure::system(error, "ioctl", request);
  PrecopyInfo info = save_->precopyInfo(device_->v2_->state() == v2::kPreCopyP2p);
  info.initialBytes = device_->faults_.claim("initial-bytes", info.initialBytes);
  info.dirtyBytes = device_->faults_.claim("dirty-bytes", info.dirtyBytes);
  return info;
}

}  // namespace vfm
