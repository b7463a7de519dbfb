// SPDX-License-Identifier: MIT
// A device that another process serves, at the other end of a vfio-user connection.
//
// Servers refuse nearly everything of a stopped device, so what does not change is asked once, at the
// beginning. What the protocol cannot say (pre-copy estimates) or the server does not know (the size of the
// data) is Reason::kUnsupported.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/device/device.h"
#include "core/vfio_user/client_connection.h"
#include "core/vfio_user/client_features.h"
#include "core/vfio_user/client_layout.h"
#include "core/vfio_user/client_session.h"
#include "core/vfio_user/dma_log.h"
#include "core/vfio_user/dma_replay.h"

namespace vfm::vfio_user {

class ClientDevice final : public Device {
 public:
  // Connects, negotiates and asks for the layout. The failures are those of ClientConnection::open and of the
  // requests; nothing stays open after one.
  static Result<std::shared_ptr<ClientDevice>> open(const std::string& path, const ClientOptions& options);
  static Result<std::shared_ptr<ClientDevice>> over(std::shared_ptr<ClientConnection> connection);
  ~ClientDevice() override;

  ClientConnection& connection() { return *connection_; }

  int descriptor() const override { return -1; }
  Result<DeviceInfo> info() override { return layout_.info; }
  Result<RegionInfo> regionInfo(uint32_t index) override;
  Result<IrqInfo> irqInfo(uint32_t index) override;
  Status setIrqs(const IrqRequest& request) override;
  // Servers refuse a reset while the device is stopped, and some keep the migration state over one: the
  // device is set to running first or afterwards where that is so.
  Status reset() override;
  // One message each; a write of more than 32 KiB is cut there for servers that do not put messages together.
  Result<size_t> readRegion(uint32_t index, uint64_t offset, Bytes into) override;
  Result<size_t> writeRegion(uint32_t index, uint64_t offset, ConstBytes from) override;
  Result<std::shared_ptr<Mapping>> map(uint32_t index, Area area, Protection protection) override;
  Result<RegionDescriptor> regionDescriptor(uint32_t index) override;

  Result<uint64_t> migrationFlags() override;
  Result<uint32_t> migrationState() override;
  Result<StateChange> setMigrationState(uint32_t state) override;
  Result<uint64_t> migrationDataSize() override;

  Result<uint64_t> startDmaLog(const std::vector<IovaRange>& ranges, uint64_t pageSize) override;
  Status reportDmaLog(DirtyBitmap& into) override { return log_->report(into); }
  Status stopDmaLog() override { return log_->stop(); }

  std::shared_ptr<AddressSpace> addressSpace() override;
  Status attach(std::shared_ptr<AddressSpace> space) override;
  Status detach() override;

  // SET of the migration state is refused: the session would be lost.
  Status feature(uint32_t flags, Bytes payload) override;
  void cancel() override;

 private:
  ClientDevice(std::shared_ptr<ClientConnection> connection, ClientLayout layout, ClientFeatures features);
  // No such region, or not that part of it.
  Result<const ClientRegion*> locate(uint32_t index, uint64_t offset, uint64_t size,
                                     const char* operation) const;
  Milliseconds timeoutOf(uint32_t index, uint64_t offset) const;
  Status setIrqsInPieces(const IrqRequest& request, const IrqDescriptors& descriptors);
  Status sendIrqs(const IrqRequest& request, uint32_t start, uint32_t count, uint32_t data, ConstBytes bools,
                  std::vector<int> descriptors);
  Status leaveStopped();
  Status runAfterReset();
  // Ends the sessions there are: whoever reads or writes one gets ENODEV.
  void endSessions();

  const std::shared_ptr<ClientConnection> connection_;
  const ClientLayout layout_;
  const ClientFeatures features_;
  const std::shared_ptr<ServerMappings> mappings_;
  const std::shared_ptr<DmaLog> log_;
  const std::shared_ptr<DmaReplay> replay_;
  std::mutex stateChange_;  // held over a change of the migration state
  std::mutex sessionMutex_;
  std::shared_ptr<SessionEnd> session_;  // of the sessions of the present group of states
  std::mutex spaceMutex_;
  std::shared_ptr<AddressSpace> space_;
};

}  // namespace vfm::vfio_user
