// SPDX-License-Identifier: MIT
#include "core/kernel/feature_name.h"

#include "uapi/dma_logging.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm::kernel {
namespace {

const char* nameOf(uint32_t feature) {
  switch (feature) {
    case uapi::kVfioDeviceFeaturePciVfToken:
      return "PCI_VF_TOKEN";
    case uapi::kVfioDeviceFeatureMigration:
      return "MIGRATION";
    case uapi::kVfioDeviceFeatureMigDeviceState:
      return "MIG_DEVICE_STATE";
    case uapi::kVfioDeviceFeatureLowPowerEntry:
      return "LOW_POWER_ENTRY";
    case uapi::kVfioDeviceFeatureLowPowerEntryWithWakeup:
      return "LOW_POWER_ENTRY_WITH_WAKEUP";
    case uapi::kVfioDeviceFeatureLowPowerExit:
      return "LOW_POWER_EXIT";
    case uapi::kVfioDeviceFeatureDmaLoggingStart:
      return "DMA_LOGGING_START";
    case uapi::kVfioDeviceFeatureDmaLoggingStop:
      return "DMA_LOGGING_STOP";
    case uapi::kVfioDeviceFeatureDmaLoggingReport:
      return "DMA_LOGGING_REPORT";
    case uapi::kVfioDeviceFeatureMigDataSize:
      return "MIG_DATA_SIZE";
    case uapi::kVfioDeviceFeatureBusMaster:
      return "BUS_MASTER";
    case uapi::kVfioDeviceFeatureDmaBuf:
      return "DMA_BUF";
    case uapi::kVfioDeviceFeatureMigPrecopyInfov2:
      return "MIG_PRECOPY_INFOv2";
    case uapi::kVfioDeviceFeatureZpciError:
      return "ZPCI_ERROR";
    default:
      return nullptr;
  }
}

}  // namespace

std::string featureOperation(uint32_t flags) {
  std::string words = "VFIO_DEVICE_FEATURE";
  if ((flags & uapi::kVfioDeviceFeatureProbe) != 0) words += " PROBE";
  if ((flags & uapi::kVfioDeviceFeatureGet) != 0) words += " GET";
  if ((flags & uapi::kVfioDeviceFeatureSet) != 0) words += " SET";
  const uint32_t feature = flags & uapi::kVfioDeviceFeatureMask;
  const char* name = nameOf(feature);
  return words + " " + (name ? std::string(name) : std::to_string(feature));
}

}  // namespace vfm::kernel
