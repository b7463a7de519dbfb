// SPDX-License-Identifier: MIT
import type { MigrationCapabilities } from '../migration/migration.js'

// Drivers as sysfs names them, and what of a rehearsal is more than it seems with them.
const RISKY_PRE_COPY = new Set(['mlx5_vfio_pci', 'mlx5-vfio-pci'])
const SUSPENDING_P2P = new Set(['qat_vfio_pci', 'xe-vfio-pci', 'xe_vfio_pci'])

export interface RehearsalSteps {
  readonly preCopy: boolean
  readonly quiesce: boolean
  readonly stop: boolean
}

/** Whether pre-copy is gone through without being asked for: not where the way back is known to fail. */
export function preCopiesByDefault(driver: string | undefined, { preCopy }: MigrationCapabilities): boolean {
  return preCopy && !(driver !== undefined && RISKY_PRE_COPY.has(driver))
}

/** What the steps of a rehearsal do to a device, in words for whoever answers for it. */
export function rehearsalWarnings(driver: string | undefined, p2p: boolean, steps: RehearsalSteps): string[] {
  const warnings: string[] = []
  if (steps.preCopy && driver !== undefined && RISKY_PRE_COPY.has(driver)) {
    warnings.push(
      `leaving pre-copy can fail with ${driver} (EIO); the device then needs a reset, which loses its state`,
    )
  } else if (steps.preCopy && driver !== undefined) {
    warnings.push('the device is read while it runs, and may be slower meanwhile')
  }
  if (steps.quiesce && p2p) {
    const suspends = driver !== undefined && SUSPENDING_P2P.has(driver)
    warnings.push(
      suspends
        ? `the P2P state of ${driver} is a full suspend: the device does nothing until it runs again`
        : 'in the P2P state the device starts no DMA; with some drivers it does nothing at all until it runs again',
    )
  }
  if (steps.stop)
    warnings.push('the device is stopped, read to its end and run again: a downtime without a migration')
  return warnings
}
