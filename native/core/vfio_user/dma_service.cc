// SPDX-License-Identifier: MIT
#include "core/vfio_user/dma_service.h"

#include <cstring>

namespace vfm::vfio_user {
namespace {

// The errno that travels back. A failure without one is a refusal of the request.
int errnoOf(const Status& status) {
  if (status) return 0;
  return status.failure().error != 0 ? status.failure().error : EFAULT;
}

}  // namespace

void DmaService::attach(std::shared_ptr<AddressSpace> space) {
  std::lock_guard lock(mutex_);
  space_.swap(space);
}

void DmaService::record(bool on) {
  std::lock_guard lock(mutex_);
  recording_ = on;
  written_.clear();
}

void DmaService::note(uint64_t iova, uint64_t length) {
  std::lock_guard lock(mutex_);
  if (recording_) written_.mark(iova, length);
}

void DmaService::takeWritten(DirtyBitmap& into) {
  std::lock_guard lock(mutex_);
  written_.take(into);
}

Status DmaService::answer(Socket& socket, const Header& request, int error, ConstBytes fixed,
                          ConstBytes data) {
  if ((request.flags & kFlagNoReply) != 0) return {};
  Header reply{request.msg_id, request.cmd, 0, kFlagReply, 0};
  if (error == 0) return socket.send(reply, {fixed, data});
  reply.flags |= kFlagError;
  reply.error_no = static_cast<uint32_t>(error);
  return socket.send(reply, {});
}

Status DmaService::serve(Socket& socket, const Incoming& request) {
  auto payload = socket.rest(sizeof(DmaAccessPayload) + maxTransfer_);
  if (!payload) return std::move(payload).failure();
  const bool reads = request.header.cmd == static_cast<uint16_t>(Command::kDmaRead);
  const bool writes = request.header.cmd == static_cast<uint16_t>(Command::kDmaWrite);
  DmaAccessPayload access;
  const bool known = (reads || writes) && payload->size() >= sizeof access;
  if (!known) return answer(socket, request.header, EINVAL, {}, {});
  std::memcpy(&access, payload->data(), sizeof access);
  const ConstBytes fixed{payload->data(), sizeof access};
  const ConstBytes data{payload->data() + sizeof access, payload->size() - sizeof access};
  const bool fits = access.count > 0 && access.count <= maxTransfer_ &&
                    access.count - 1 <= UINT64_MAX - access.address &&
                    data.size == (writes ? access.count : 0);
  if (!fits) return answer(socket, request.header, EINVAL, {}, {});

  std::shared_ptr<AddressSpace> space;
  {
    std::lock_guard lock(mutex_);
    space = space_;
  }
  if (!space) return answer(socket, request.header, EFAULT, {}, {});
  if (writes) {
    const int error = errnoOf(space->write(access.address, data));
    // After the bytes have moved: a report between the two would forget the page before it has changed.
    note(access.address, access.count);
    return answer(socket, request.header, error, fixed, {});
  }
  std::vector<uint8_t> read(static_cast<size_t>(access.count));
  const int error = errnoOf(space->read(access.address, Bytes{read.data(), read.size()}));
  return answer(socket, request.header, error, fixed, ConstBytes{read.data(), read.size()});
}

}  // namespace vfm::vfio_user
