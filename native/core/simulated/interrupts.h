// SPDX-License-Identifier: MIT
// The interrupts of a simulated device: as vfio-pci offers them, with its rules about what may be armed when,
// delivered to real eventfds. Thread-safe by itself: an eventfd that unmasks comes on a thread of its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "core/device/info.h"
#include "core/device/irqs.h"
#include "core/events/reactor.h"

namespace vfm {

class Interrupts {
 public:
  static constexpr uint32_t kMsiVectors = 4;
  static constexpr uint32_t kMsixVectors = 8;

  ~Interrupts();

  // None for an index that does not exist.
  static std::optional<IrqInfo> describe(uint32_t index);

  // VFIO_DEVICE_SET_IRQS: 0, or the errno that vfio-pci has for it.
  int set(const IrqRequest& request);

  // The device interrupts. MSI and MSI-X are writes to memory, so nothing arrives without bus mastering; INTx
  // raises the line, which stays up until lowerLine(). 0, or EINVAL for one that does not exist.
  int raise(uint32_t index, uint32_t vector, bool busMaster);
  bool lineIsUp() const;
  void lowerLine();
  // The command register's INTx disable bit.
  void disableLine(bool disabled);

  // A reset lowers the line; what is armed stays armed, as with vfio-pci.
  void reset() { lowerLine(); }

 private:
  class Unmasker;
  using Lock = std::lock_guard<std::mutex>;
  using Vectors = std::map<uint32_t, std::shared_ptr<EventFd>>;

  int setVectors(const IrqRequest& request);
  int setLineMask(const IrqRequest& request);
  int setUnmaskEvent(int descriptor);
  int arm(uint32_t index, uint32_t start, const IrqDescriptors& descriptors);
  void unmask();
  void deliverLine();
  static bool exclusive(uint32_t index);

  mutable std::mutex mutex_;
  std::map<uint32_t, Vectors> armed_;   // an index with an entry is armed, be it with no vector at all
  std::map<uint32_t, uint32_t> sizes_;  // how many vectors the index was armed with first
  bool line_ = false;
  bool masked_ = false;
  bool disabled_ = false;

  std::mutex unmasking_;  // of the three below; taken before mutex_
  std::shared_ptr<Reactor> reactor_;
  std::shared_ptr<Unmasker> unmasker_;
  std::shared_ptr<Reactor::Watch> unmaskWatch_;
};

}  // namespace vfm
