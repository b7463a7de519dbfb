// SPDX-License-Identifier: MIT
// The migration state of a vfio-user device: what its device and its sessions ask alike.
#pragma once

#include "core/vfio_user/client_features.h"

namespace vfm::vfio_user {

Result<uint32_t> readMigrationState(const ClientFeatures& features);
Status writeMigrationState(const ClientFeatures& features, uint32_t state, Milliseconds timeout);

}  // namespace vfm::vfio_user
