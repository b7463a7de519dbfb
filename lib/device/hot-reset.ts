// SPDX-License-Identifier: MIT
import type { NativeHotResetInfo } from '../native-binding.js'

/** A function that a reset of the slot or bus reaches. */
export interface AffectedDevice {
  /** Its PCI address, as in `0000:17:00.2`. */
  readonly address: string
  /** Its IOMMU group; `undefined` where the asking device was opened through its own node. */
  readonly group: number | undefined
  /** Its number in the iommufd of the asking device; `undefined` where it has none, or the asking device came through its group. */
  readonly deviceId: number | undefined
  /** Whether this process holds it: has its group open, or has it (or another of its group) bound to the same iommufd. */
  readonly owned: boolean
}

/** What a hot reset of a device would reset. */
export interface HotResetInfo {
  /** The device itself included. */
  readonly devices: readonly AffectedDevice[]
  /** Whether this process holds all of them, without which the kernel refuses. */
  readonly owned: boolean
}

export interface HotResetOptions {
  /** IOMMU groups that were opened elsewhere, by their descriptors. Those that this process has open need not be named. */
  readonly groups?: readonly { readonly descriptor: number }[]
}

export function hotResetInfoFrom({ byDeviceId, devices }: NativeHotResetInfo): HotResetInfo {
  const affected = devices.map(({ address, id, owned }) => ({
    address,
    group: byDeviceId ? undefined : (id ?? undefined),
    deviceId: byDeviceId ? (id ?? undefined) : undefined,
    owned,
  }))
  return { devices: affected, owned: affected.every(({ owned }) => owned) }
}
