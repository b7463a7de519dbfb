// SPDX-License-Identifier: MIT
import { errorFrom, isFailure, VfioError } from '../../errors/index.js'
import type { Outcome } from '../../native-binding.js'

/** The value of a call that opens a VFIO node, or the failure in this library's words where it has some, with the kernel's as its cause. */
export function openFailure<T>(outcome: Outcome<T>, node: string, device?: string): T {
  if (!isFailure(outcome)) return outcome
  const cause = errorFrom(outcome, device)
  const details = { device, cause }
  // A node can be bound once (EINVAL), and not while its group is open (EBUSY).
  if (
    outcome.operation === 'VFIO_DEVICE_BIND_IOMMUFD' &&
    (cause.code === 'EINVAL' || cause.code === 'EBUSY')
  ) {
    throw new VfioError('ERR_VFIO_IN_USE', `${node} cannot be bound: ${outcome.detail}`, details)
  }
  switch (outcome.syscall === 'open' ? cause.code : '') {
    case 'EACCES':
    case 'EPERM':
      throw new VfioError('ERR_VFIO_PERMISSION', `no permission to open ${outcome.operation}`, details)
    case 'EBUSY':
      throw new VfioError(
        'ERR_VFIO_IN_USE',
        `${node} is open in another process, or one of its devices is, through /dev/vfio/devices`,
        details,
      )
    default:
      throw cause
  }
}
