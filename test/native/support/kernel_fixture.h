// SPDX-License-Identifier: MIT
// A kernel device on a scripted kernel.
#pragma once

#include <memory>
#include <utility>

#include "core/kernel/kernel_device.h"
#include "support/scripted_sys.h"

namespace vfm::test {

struct KernelFixture {
  ScriptedSys sys;
  int fd = sys.add("device");
  std::shared_ptr<kernel::KernelDevice> device = std::make_shared<kernel::KernelDevice>(
      std::make_shared<kernel::DeviceHandle>(sys, nullptr, kernel::Descriptor(sys, fd)));

  // Null when the change failed or brought no session.
  std::unique_ptr<Session> enter(uint32_t state) {
    auto change = device->setMigrationState(state);
    return change ? std::move(change->session) : nullptr;
  }
};

}  // namespace vfm::test
