// SPDX-License-Identifier: MIT
// What the operations of a migration can fail with: the uAPI's text, vfio_main.c, vfio_pci_core.c, and the drivers that implement it.
import type { SimulatedOperation } from '../../lib/simulated/index.js'

// ENODEV: the device is gone (vfio_pci_core after a hot unplug). EIO: what drivers answer for a device or firmware that failed.
const answers: Readonly<Partial<Record<SimulatedOperation, readonly string[]>>> = {
  info: ['ENODEV', 'EFAULT'],
  'region-info': ['ENODEV', 'EINVAL'],
  'irq-info': ['ENODEV', 'EINVAL'],
  'set-irqs': ['ENODEV', 'EINVAL', 'ENOSPC'],
  // vfio_pci_core: EINVAL without a reset method, EAGAIN while another reset has the lock, ENOTTY from pci_try_reset_function.
  reset: ['EINVAL', 'EAGAIN', 'EIO'],
  'register-read': ['EIO', 'EINVAL', 'ENODEV'],
  // i915 answers EPERM to a write of a register that is not writable.
  'register-write': ['EIO', 'EINVAL', 'EPERM'],
  map: ['EINVAL', 'ENOMEM', 'EACCES'],
  // ETIMEDOUT hisi_acc, ENOTCONN mlx5, ENOENT pds; EMFILE leaves the device in the state that was asked for (see `requested`).
  'set-state': ['EIO', 'EBUSY', 'EINVAL', 'ETIMEDOUT', 'ENOTCONN', 'ENOMEM'],
  'get-state': ['EIO', 'ENODEV'],
  read: ['EIO', 'ENODEV', 'ENOMEM'],
  // EFAULT hisi_acc, EOPNOTSUPP virtio: the data is of an incompatible device. ENOMEM: more than the device takes.
  write: ['EFAULT', 'ENOMEM', 'EOPNOTSUPP', 'ENODEV'],
  'precopy-info': ['EINVAL', 'ENODEV'],
  'data-size': ['ENOTTY', 'EIO'],
  'migration-flags': ['ENODEV', 'EIO'],
}

export function errnosOf(operation: SimulatedOperation): readonly string[] {
  return answers[operation] ?? ['EIO']
}
