// SPDX-License-Identifier: MIT
// Public as `vfio-migration/simulated`: whole VFIO devices in this process, for machines without one and for faults on demand.

import type { MigratableDevice } from '../migration/migratable-device.js'
import { openSimulated } from './open.js'
import type { SimulatedOptions } from './options.js'

export * from './options.js'
export * from './personalities.js'
export {
  type Fired,
  firedFaults,
  type OperationCount,
  Simulation,
  simulationOf,
} from './simulation.js'
export { parseSimulatedSpec } from './spec.js'

/**
 * Opens a simulated device by its options; `openDevice('sim:...')` does the same by a specification.
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC`
 */
export async function simulatedDevice(
  options: SimulatedOptions,
  name = `sim:${options.protocol}`,
): Promise<MigratableDevice> {
  return openSimulated(options, name)
}
