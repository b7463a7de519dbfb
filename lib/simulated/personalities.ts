// SPDX-License-Identifier: MIT
// What each driver can answer, operation by operation: what a test that breaks everything has to break it with.
import type { PersonalityName, SimulatedOperation } from './options.js'

/** Errnos that one operation can fail with. */
export interface OperationErrnos {
  readonly operation: SimulatedOperation
  /** Only with this argument, as {@link SimulatedFault.argument} has it; a row for it stands beside the row without one. Default: any. */
  readonly argument?: string
  readonly errnos: readonly string[]
}

export interface PersonalityFacts {
  readonly name: PersonalityName
  /** What the kernel calls the driver; `undefined` for a library. */
  readonly driver: string | undefined
  readonly protocol: 'v1' | 'v2'
  /** Where its behaviour was found. */
  readonly source: string
  readonly errnos: readonly OperationErrnos[]
}

/** Of the firmware commands of mlx5_core, by the status that the firmware gives. */
const MLX5_COMMAND = ['ENOTCONN', 'EIO', 'EINVAL', 'EBUSY', 'EAGAIN', 'ENOMEM', 'ETIMEDOUT']

const mlx5: PersonalityFacts = {
  name: 'mlx5',
  driver: 'mlx5_vfio_pci',
  protocol: 'v2',
  source: 'Linux 6.12, drivers/vfio/pci/mlx5/main.c and cmd.c',
  errnos: [
    { operation: 'set-state', argument: 'running-p2p', errnos: [...MLX5_COMMAND, 'EINTR'] },
    // Out of pre-copy also ENODEV (a save had failed) and EIO (the clean-up did).
    { operation: 'set-state', argument: 'running', errnos: [...MLX5_COMMAND, 'EINTR', 'ENODEV'] },
    { operation: 'set-state', argument: 'pre-copy', errnos: [...MLX5_COMMAND, 'EMFILE'] },
    { operation: 'set-state', argument: 'pre-copy-p2p', errnos: [...MLX5_COMMAND, 'EINTR', 'EMFILE'] },
    { operation: 'set-state', argument: 'stop', errnos: MLX5_COMMAND },
    { operation: 'set-state', argument: 'stop-copy', errnos: [...MLX5_COMMAND, 'ENODEV', 'EMFILE'] },
    { operation: 'set-state', argument: 'resuming', errnos: ['ENOTCONN', 'ENOMEM', 'EMFILE'] },
    { operation: 'read', errnos: ['ENODEV', 'EINVAL', 'EFAULT', 'EINTR'] },
    {
      operation: 'write',
      errnos: ['ENODEV', 'ENOMEM', 'EOPNOTSUPP', 'EINVAL', 'EFAULT', 'ENOTCONN', 'EIO'],
    },
    { operation: 'precopy-info', errnos: ['EINVAL', 'ENODEV', 'ENOTCONN', 'ENOMEM', 'EFAULT', 'EIO'] },
    { operation: 'data-size', errnos: MLX5_COMMAND },
    { operation: 'dma-log-start', errnos: ['ENOTCONN', 'EINVAL', 'ENOMEM', 'EOPNOTSUPP', 'EIO'] },
    { operation: 'dma-log-report', errnos: ['ENOTCONN', 'EINVAL', 'EIO'] },
    { operation: 'dma-log-stop', errnos: ['EINVAL'] },
  ],
}

const hisiAcc: PersonalityFacts = {
  name: 'hisi_acc',
  driver: 'hisi_acc_vfio_pci',
  protocol: 'v2',
  source: 'Linux 6.12, drivers/vfio/pci/hisilicon/hisi_acc_vfio_pci.c',
  errnos: [
    { operation: 'set-state', argument: 'pre-copy', errnos: ['EINVAL', 'ENOMEM', 'ETIMEDOUT', 'EMFILE'] },
    // Into stop from running; out of resuming EINVAL.
    { operation: 'set-state', argument: 'stop', errnos: ['EBUSY', 'EINVAL', 'ETIMEDOUT'] },
    {
      operation: 'set-state',
      argument: 'stop-copy',
      errnos: ['EBUSY', 'EINVAL', 'ENOMEM', 'ETIMEDOUT', 'EMFILE'],
    },
    { operation: 'set-state', argument: 'resuming', errnos: ['ENOMEM', 'EMFILE'] },
    { operation: 'read', errnos: ['ENODEV', 'EINVAL', 'EFAULT'] },
    { operation: 'write', errnos: ['EFAULT', 'ENOMEM', 'ENODEV', 'EINVAL'] },
    { operation: 'precopy-info', errnos: ['EINVAL', 'ENODEV', 'EFAULT'] },
  ],
}

const pds: PersonalityFacts = {
  name: 'pds',
  driver: 'pds_vfio_pci',
  protocol: 'v2',
  source: 'Linux 6.12, drivers/vfio/pci/pds/lm.c, vfio_dev.c, cmds.c and dirty.c',
  errnos: [
    { operation: 'set-state', argument: 'running', errnos: ['EIO', 'EINVAL', 'ETIMEDOUT'] },
    { operation: 'set-state', argument: 'running-p2p', errnos: ['EIO', 'EINVAL', 'ETIMEDOUT'] },
    { operation: 'set-state', argument: 'stop', errnos: ['EIO', 'EINVAL', 'ENOMEM', 'ETIMEDOUT'] },
    {
      operation: 'set-state',
      argument: 'stop-copy',
      errnos: ['EIO', 'ENOENT', 'EINVAL', 'ENOMEM', 'ETIMEDOUT', 'EMFILE'],
    },
    { operation: 'set-state', argument: 'resuming', errnos: ['EIO', 'ENOENT', 'EMFILE'] },
    { operation: 'read', errnos: ['ENODEV', 'EINVAL', 'EFAULT'] },
    { operation: 'write', errnos: ['ENODEV', 'EINVAL', 'EFAULT'] },
    { operation: 'dma-log-start', errnos: ['EINVAL', 'EEXIST', 'EOPNOTSUPP', 'ENOMEM'] },
    { operation: 'dma-log-report', errnos: ['EINVAL', 'ENOMEM'] },
  ],
}

const qat: PersonalityFacts = {
  name: 'qat',
  driver: 'qat_vfio_pci',
  protocol: 'v2',
  source: 'Linux 6.12, drivers/vfio/pci/qat/main.c and drivers/crypto/intel/qat/qat_common/adf_gen4_vf_mig.c',
  errnos: [
    { operation: 'set-state', argument: 'running-p2p', errnos: ['EINVAL', 'ETIMEDOUT'] },
    { operation: 'set-state', argument: 'pre-copy', errnos: ['EINVAL', 'ENOMEM', 'EMFILE'] },
    { operation: 'set-state', argument: 'pre-copy-p2p', errnos: ['EINVAL', 'ETIMEDOUT', 'EMFILE'] },
    // Out of resuming: the state does not fit.
    { operation: 'set-state', argument: 'stop', errnos: ['EINVAL'] },
    { operation: 'set-state', argument: 'stop-copy', errnos: ['EINVAL', 'ENOMEM', 'ETIMEDOUT', 'EMFILE'] },
    { operation: 'set-state', argument: 'resuming', errnos: ['ENOMEM', 'EMFILE'] },
    { operation: 'read', errnos: ['ENODEV', 'EINVAL', 'EFAULT'] },
    { operation: 'write', errnos: ['EINVAL', 'ENOMEM', 'EOVERFLOW', 'ENODEV', 'EFAULT'] },
    { operation: 'precopy-info', errnos: ['EINVAL', 'ENODEV', 'EFAULT'] },
  ],
}

/** Of the administration commands of a virtio device. */
const VIRTIO_COMMAND = ['EIO', 'EINVAL', 'EAGAIN', 'ENOMEM', 'ENODEV', 'EOPNOTSUPP']

const virtio: PersonalityFacts = {
  name: 'virtio',
  driver: 'virtio_vfio_pci',
  protocol: 'v2',
  source: 'as documented of Linux 6.13, drivers/vfio/pci/virtio/migrate.c',
  errnos: [
    { operation: 'set-state', argument: 'running', errnos: VIRTIO_COMMAND },
    { operation: 'set-state', argument: 'running-p2p', errnos: VIRTIO_COMMAND },
    { operation: 'set-state', argument: 'pre-copy', errnos: [...VIRTIO_COMMAND, 'EMFILE'] },
    { operation: 'set-state', argument: 'pre-copy-p2p', errnos: [...VIRTIO_COMMAND, 'EMFILE'] },
    { operation: 'set-state', argument: 'stop', errnos: VIRTIO_COMMAND },
    { operation: 'set-state', argument: 'stop-copy', errnos: [...VIRTIO_COMMAND, 'EMFILE'] },
    { operation: 'set-state', argument: 'resuming', errnos: [...VIRTIO_COMMAND, 'EMFILE'] },
    { operation: 'read', errnos: ['ENODEV', 'EINVAL', 'EFAULT'] },
    { operation: 'write', errnos: ['EOPNOTSUPP', 'ENOMEM', 'EINVAL', 'EIO', 'ENODEV', 'EFAULT'] },
    { operation: 'precopy-info', errnos: ['EINVAL', 'ENODEV', 'EIO', 'EFAULT'] },
    { operation: 'data-size', errnos: VIRTIO_COMMAND },
  ],
}

const xe: PersonalityFacts = {
  name: 'xe',
  driver: 'xe_vfio_pci',
  protocol: 'v2',
  source: 'as documented of Linux 6.19, drivers/vfio/pci/xe',
  errnos: [
    { operation: 'set-state', argument: 'running', errnos: ['EIO', 'ETIMEDOUT', 'EBUSY', 'ENODEV'] },
    { operation: 'set-state', argument: 'running-p2p', errnos: ['EIO', 'ETIMEDOUT', 'EBUSY', 'ENODEV'] },
    { operation: 'set-state', argument: 'stop', errnos: ['EIO', 'EINVAL', 'ETIMEDOUT', 'ENODEV'] },
    {
      operation: 'set-state',
      argument: 'stop-copy',
      errnos: ['EIO', 'ETIMEDOUT', 'EBUSY', 'ENOMEM', 'ENODEV', 'EMFILE'],
    },
    {
      operation: 'set-state',
      argument: 'resuming',
      errnos: ['EIO', 'ETIMEDOUT', 'EBUSY', 'ENOMEM', 'ENODEV', 'EMFILE'],
    },
    { operation: 'read', errnos: ['ENODEV', 'EIO', 'EINVAL', 'EFAULT'] },
    { operation: 'write', errnos: ['ENODEV', 'EIO', 'EINVAL', 'ENOMEM', 'EFAULT'] },
    { operation: 'data-size', errnos: ['EIO', 'ENODEV'] },
  ],
}

/** The registers of a migration region in the order in which a save and a load use them. */
function v1Registers(readOnly: string): readonly OperationErrnos[] {
  return [
    { operation: 'register-read', argument: 'device-state', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-read', argument: 'pending-bytes', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-read', argument: 'data-offset', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-read', argument: 'data-size', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-read', argument: 'data', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-write', argument: 'data', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
    { operation: 'register-write', argument: 'pending-bytes', errnos: [readOnly] },
    { operation: 'register-write', argument: 'data-offset', errnos: [readOnly] },
    { operation: 'map', errnos: ['EINVAL', 'ENOMEM', 'EAGAIN'] },
  ]
}

const i915: PersonalityFacts = {
  name: 'i915',
  driver: 'i915_vfio_pci',
  protocol: 'v1',
  source: 'as documented of Intel’s out-of-tree i915 driver',
  errnos: [
    ...v1Registers('EPERM'),
    { operation: 'register-write', argument: 'data-size', errnos: ['EPERM', 'EINVAL', 'EIO', 'ENOMEM'] },
    { operation: 'set-state', errnos: ['EINVAL', 'EIO', 'EBUSY', 'ETIMEDOUT'] },
  ],
}

const libvfioUser: PersonalityFacts = {
  name: 'libvfio-user',
  driver: undefined,
  protocol: 'v1',
  source: 'as documented of libvfio-user before its v2 protocol',
  errnos: [
    ...v1Registers('EINVAL'),
    { operation: 'register-write', argument: 'data-size', errnos: ['EINVAL', 'EIO', 'ENOMEM'] },
    { operation: 'set-state', errnos: ['EINVAL', 'EIO', 'EBUSY'] },
  ],
}

/** Every personality that a simulated device can have. */
export const personalities: Readonly<Record<PersonalityName, PersonalityFacts>> = {
  mlx5,
  hisi_acc: hisiAcc,
  pds,
  qat,
  virtio,
  xe,
  i915,
  'libvfio-user': libvfioUser,
}

// Where the personality has no row of its own: vfio-pci and the kernel's core (drivers/vfio/pci/vfio_pci_core.c, vfio_main.c).
const ofEveryDevice: readonly OperationErrnos[] = [
  { operation: 'info', errnos: ['EFAULT', 'EINVAL'] },
  { operation: 'region-info', errnos: ['EFAULT', 'EINVAL', 'ENOMEM'] },
  { operation: 'irq-info', errnos: ['EFAULT', 'EINVAL'] },
  { operation: 'set-irqs', errnos: ['EINVAL', 'EBADF', 'ENOMEM', 'ENODEV', 'EBUSY'] },
  { operation: 'reset', errnos: ['EINVAL', 'EAGAIN', 'ENOTTY', 'EIO'] },
  { operation: 'register-read', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
  { operation: 'register-write', errnos: ['EINVAL', 'EFAULT', 'EIO'] },
  { operation: 'map', errnos: ['EINVAL', 'EAGAIN', 'ENOMEM'] },
  { operation: 'get-state', errnos: ['EFAULT', 'ENODEV'] },
  { operation: 'migration-flags', errnos: ['ENOTTY', 'EFAULT'] },
  { operation: 'data-size', errnos: ['EFAULT'] },
  { operation: 'dma-log-start', errnos: ['ENOTTY'] },
  { operation: 'dma-log-report', errnos: ['ENOTTY'] },
  { operation: 'dma-log-stop', errnos: ['ENOTTY'] },
  { operation: 'set-state', errnos: ['EINVAL'] },
]

/**
 * The errnos, by name, that an operation of such a device can fail with: the row for the argument, else the personality's own for the
 * operation, else what every device can answer.
 * @param personality `undefined`: a device without one, which can fail with anything that some driver fails with
 */
export function errnosOf(
  personality: PersonalityName | undefined,
  operation: SimulatedOperation,
  argument?: string,
): readonly string[] {
  if (personality === undefined) {
    const every = Object.values(personalities).flatMap(({ name }) => errnosOf(name, operation, argument))
    return [...new Set(every)]
  }
  const rows = personalities[personality].errnos.filter((row) => row.operation === operation)
  const found =
    rows.find((row) => row.argument !== undefined && row.argument === argument) ??
    rows.find((row) => row.argument === undefined) ??
    ofEveryDevice.find((row) => row.operation === operation)
  return found?.errnos ?? []
}
