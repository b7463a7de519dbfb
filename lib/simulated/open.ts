// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import type { AddressSpace } from '../device/address-space.js'
import { unwrap } from '../errors/index.js'
import { MigratableDevice } from '../migration/migratable-device.js'
import { nativeOptions, unwrapSimulated } from './native-options.js'
import type { SimulatedOptions } from './options.js'
import { registerSimulation, Simulation } from './simulation.js'

/**
 * Makes a simulated device. It lives in this process, and as long as its handle.
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` for options that no device can have
 */
export async function openSimulated(
  options: SimulatedOptions,
  spec: string,
  addressSpace?: AddressSpace,
): Promise<MigratableDevice> {
  const outcome = await binding().openSimulated(nativeOptions(options, spec))
  const { device: native, simulation } = unwrapSimulated(outcome, spec)
  if (addressSpace) unwrap(await native.attach(addressSpace.native), spec)
  const { personality } = options
  const identity = { spec, driver: 'simulated', personality, addressSpace, holds: [] }
  const device = new MigratableDevice(native, identity)
  registerSimulation(device, new Simulation(simulation, options, spec))
  return device
}
