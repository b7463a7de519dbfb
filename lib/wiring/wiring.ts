// SPDX-License-Identifier: MIT
// What the driver's stream leaves out of a PCI device: its command register and which interrupts are delivered. Whoever moves the device
// moves these too, or has a device that looks loaded and is deaf.
import type { Device } from '../device/device.js'
import { VfioError, VfioSystemError } from '../errors/index.js'
import { PciConfig } from '../pci/pci-config.js'
import type { Wiring } from '../stream/wiring.js'

export interface RestoreWiringOptions {
  /**
   * Whether bus mastering is switched on where it was on. Map the device's memory before: a bus master without mappings faults, and without
   * it no MSI arrives. Default true.
   */
  readonly busMaster?: boolean
}

/**
 * Reads what a migration of `device` has to carry beside the driver's stream: the bits of the PCI command register, and which vectors of
 * INTx, MSI or MSI-X are enabled through this device object. Legal in every migration state.
 *
 * Not carried, because the other side's driver or host decides them: BAR addresses, MSI addresses and data, the MSI-X table, power
 * management; vfio-pci shows a user copies of its own of these.
 * @returns `undefined` for a device that is not PCI or shows no configuration space
 */
export async function captureWiring(device: Device): Promise<Wiring | undefined> {
  const config = await configOf(device)
  if (config === undefined) return undefined
  const command = await config.command()
  const enabled = device.enabledInterrupts[0]
  if (enabled === undefined) return { command }
  return { command, interrupts: { kind: enabled.kind, vectors: [...enabled.vectors] } }
}

/**
 * {@link captureWiring} of a device that has stopped. One that answers nothing about its configuration space then (libvfio-user's servers
 * refuse every region in stop-copy) is taken at its word from before.
 * @param before what {@link captureWiring} read while it ran
 */
export async function captureStoppedWiring(
  device: Device,
  before: Wiring | undefined,
): Promise<Wiring | undefined> {
  try {
    return await captureWiring(device)
  } catch (error) {
    if (before !== undefined && error instanceof VfioSystemError && error.code === 'EINVAL') return before
    throw error
  }
}

/**
 * Gives `device` what {@link captureWiring} read of another, in the order that is safe while it is in `resuming`: the command register with
 * bus mastering off, the interrupts, bus mastering, then one signal to every vector, since an interrupt may have been lost meanwhile.
 *
 * Vectors that are enabled already stay as their owner has set them. Others go to eventfds of the device: `device.interrupts(kind)`, then
 * `vector(n)`.
 * @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`: the device has no configuration space, or fewer vectors; nothing was changed then
 */
export async function restoreWiring(
  device: Device,
  wiring: Wiring,
  { busMaster = true }: RestoreWiringOptions = {},
): Promise<void> {
  const config = await configOf(device)
  if (config === undefined)
    throw incompatible(device, 'it shows no PCI configuration space to restore the saved one to')
  const interrupts = wiring.interrupts && (await interruptsFor(device, wiring.interrupts))
  await config.setCommand({ ...wiring.command, busMaster: false })
  if (interrupts && !interrupts.enabled && wiring.interrupts)
    await interrupts.enable(1 + Math.max(...wiring.interrupts.vectors))
  if (busMaster && wiring.command.busMaster) await config.setCommand({ busMaster: true })
  for (const { kind } of device.enabledInterrupts) await (await device.interrupts(kind)).kick()
}

async function interruptsFor(device: Device, { kind, vectors }: NonNullable<Wiring['interrupts']>) {
  // Its owner has chosen another kind already: his to decide.
  const chosen = device.enabledInterrupts[0]
  if (chosen !== undefined && chosen.kind !== kind) return undefined
  try {
    const interrupts = await device.interrupts(kind)
    if (Math.max(...vectors) < interrupts.count) return interrupts
    throw incompatible(
      device,
      `it has ${interrupts.count} ${kind} vectors, and vector ${Math.max(...vectors)} was in use`,
    )
  } catch (error) {
    if (!(error instanceof VfioError && error.code === 'ERR_VFIO_NO_SUCH_INTERRUPT')) throw error
    throw incompatible(device, `it has no ${kind} interrupts, which were in use`)
  }
}

async function configOf(device: Device): Promise<PciConfig | undefined> {
  try {
    return await PciConfig.of(device)
  } catch (error) {
    if (
      error instanceof VfioError &&
      (error.code === 'ERR_VFIO_UNSUPPORTED' || error.code === 'ERR_VFIO_NO_SUCH_REGION')
    ) {
      return undefined
    }
    throw error
  }
}

function incompatible(device: Device, why: string): VfioError {
  return new VfioError('ERR_VFIO_INCOMPATIBLE', `${device.spec}: ${why}`, { device: device.spec })
}
