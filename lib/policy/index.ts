// SPDX-License-Identifier: MIT
// When a device, or a set of them, has been copied for long enough while it runs.

export type { AcknowledgementOptions } from './acknowledgement.js'
export { fixedRounds } from './fixed-rounds.js'
export { initialBytesFirst } from './initial-bytes-first.js'
export { type PolicyLimits, withLimits } from './limits.js'
export {
  bandwidthOf,
  type DowntimeAssumptions,
  expectedDowntime,
  remainingBytes,
  stopCopyBytes,
} from './outlook.js'
export {
  type DowntimeRampOptions,
  type DowntimeTarget,
  downtimeRamp,
  type QemuOptions,
  qemu,
} from './qemu.js'
export {
  type Decision,
  forOneDevice,
  type OneDeviceOptions,
  type SetPolicy,
  type SetSnapshot,
} from './set-policy.js'
