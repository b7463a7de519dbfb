// SPDX-License-Identifier: MIT
import { type Capability, checkRoom } from './capability-list.js'
import type { ConfigAccess } from './config-access.js'

export type PowerState = 'D0' | 'D1' | 'D2' | 'D3hot'

const states: readonly PowerState[] = ['D0', 'D1', 'D2', 'D3hot']

/** The power management capability. */
export interface PowerManagementCapability {
  readonly offset: number
  /** Of the interface specification; 3 today. */
  readonly version: number
  /** The states the device can be in; D0 and D3hot always. */
  readonly states: readonly PowerState[]
  readonly state: PowerState
  /** Going from D3hot to D0 keeps the device's registers. Where it does not, that way is a reset (VFIO uses it as one). */
  readonly noSoftReset: boolean
  readonly pmeEnabled: boolean
}

export async function readPowerManagement(
  access: ConfigAccess,
  capability: Capability,
): Promise<PowerManagementCapability> {
  const { offset } = capability
  checkRoom(access, capability, 8)
  const capabilities = await access.read(offset + 2, 2)
  const control = await access.read(offset + 4, 2)
  const supported = [true, (capabilities & (1 << 9)) !== 0, (capabilities & (1 << 10)) !== 0, true]
  return {
    offset,
    version: capabilities & 7,
    states: states.filter((_state, index) => supported[index]),
    state: states[control & 3] as PowerState,
    noSoftReset: (control & (1 << 3)) !== 0,
    pmeEnabled: (control & (1 << 8)) !== 0,
  }
}
