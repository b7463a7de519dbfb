// SPDX-License-Identifier: MIT
#include "core/simulated/load_rules.h"

#include <cerrno>

namespace vfm {

namespace {

constexpr LoadRules kStrict = {EINVAL, EINVAL, EINVAL, EINVAL, ENOMEM, false, EINVAL, EINVAL, false, false};

// mlx5vf_resume_write(): the images are loaded as they come; any failure ends the file, and leaving RESUMING
// only closes it. virtio's is made after it.
constexpr LoadRules kByRecord = {EOPNOTSUPP, EINVAL, EOPNOTSUPP, EINVAL, 0, false, ENODEV, 0, false, false};

// hisi_acc_vf_resume_write() and vf_qm_load_data(): the match data are compared as soon as they are there,
// and at every write again; the rest is looked at when RESUMING is left.
constexpr LoadRules kMatchData = {EFAULT, EFAULT, 0, 0, ENOMEM, false, EFAULT, EINVAL, true, true};

// pds_vfio_restore_write(): fills a buffer; the firmware looks at it when RESUMING is left.
constexpr LoadRules kBuffer = {0, 0, 0, 0, EINVAL, true, 0, EINVAL, false, true};

// qat_vf_resume_write(): the set-up is compared as soon as it is there, the rest when RESUMING is left.
constexpr LoadRules kSetup = {EINVAL, EINVAL, 0, 0, ENOMEM, false, EINVAL, EINVAL, false, true};

}  // namespace

const LoadRules& loadRulesOf(Personality personality) {
  switch (personality) {
    case Personality::kMlx5:
    case Personality::kVirtio:
      return kByRecord;
    case Personality::kHisiAcc:
      return kMatchData;
    case Personality::kPds:
      return kBuffer;
    case Personality::kQat:
      return kSetup;
    default:
      return kStrict;
  }
}

}  // namespace vfm
