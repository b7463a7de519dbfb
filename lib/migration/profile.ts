// SPDX-License-Identifier: MIT
// What a device is, as far as it can be read without changing anything: for comparing two devices, and for a stream's manifest.
import { VfioError } from '../errors/index.js'
import type { MigratableDevice } from './migratable-device.js'
import type { Migration } from './migration.js'

const LAST_BAR_INDEX = 5
const CONFIG_INDEX = 7
const VENDOR_ID = 0x00
const DEVICE_ID = 0x02
const REGION_TYPE_MIGRATION = 3

export interface DeviceProfile {
  readonly protocol: 'v1' | 'v2'
  /** From PCI config space; `undefined` for a device without one. */
  readonly vendorId: number | undefined
  readonly deviceId: number | undefined
  /** Bytes of BAR 0 to 5; 0 where there is none. */
  readonly bars: readonly bigint[]
  /** v1: bytes of the migration region. */
  readonly migrationRegionSize: bigint | undefined
}

/** Reads region descriptions and the identity in config space, nothing else. */
export async function profileOf(device: MigratableDevice, migration: Migration): Promise<DeviceProfile> {
  const regions = await device.regions()
  const bars = new Array<bigint>(LAST_BAR_INDEX + 1).fill(0n)
  let migrationRegionSize: bigint | undefined
  let vendorId: number | undefined
  let deviceId: number | undefined
  for (const region of regions) {
    if (region.index <= LAST_BAR_INDEX) bars[region.index] = region.size
    if (region.info.type?.type === REGION_TYPE_MIGRATION) migrationRegionSize = region.size
    if (region.index === CONFIG_INDEX && region.readable) {
      vendorId = await region.readRegister(VENDOR_ID, 2)
      deviceId = await region.readRegister(DEVICE_ID, 2)
    }
  }
  return {
    protocol: migration.protocol,
    vendorId,
    deviceId,
    bars,
    migrationRegionSize: migration.protocol === 'v1' ? migrationRegionSize : undefined,
  }
}

/** The part of a profile that a stream's manifest carries. */
export type KnownProfile = Pick<DeviceProfile, 'protocol' | 'vendorId' | 'deviceId' | 'migrationRegionSize'> &
  Partial<Pick<DeviceProfile, 'bars'>>

/**
 * Refuses a destination that the source's state cannot fit. What is unknown on either side is not compared: the drivers check the
 * data itself, some of them only at the end of a load.
 * @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`
 */
export function checkCompatible(source: KnownProfile, destination: DeviceProfile, device: string): void {
  const refuse = (why: string): never => {
    throw new VfioError('ERR_VFIO_INCOMPATIBLE', `${device} cannot take this state: ${why}`, { device })
  }
  if (source.protocol !== destination.protocol) {
    refuse(`it was saved with protocol ${source.protocol}, and the device speaks ${destination.protocol}`)
  }
  for (const [name, saved, own] of [
    ['vendor', source.vendorId, destination.vendorId],
    ['device', source.deviceId, destination.deviceId],
  ] as const) {
    if (saved !== undefined && own !== undefined && saved !== own) {
      refuse(`its PCI ${name} ID is ${hex(own)}, not ${hex(saved)}`)
    }
  }
  source.bars?.forEach((size, index) => {
    const own = destination.bars[index]
    if (own !== size) refuse(`its BAR ${index} has ${own} bytes, not ${size}`)
  })
  const [saved, own] = [source.migrationRegionSize, destination.migrationRegionSize]
  // Chunks are written with the sizes they were read with, and the source's may fill its region.
  if (saved !== undefined && own !== undefined && own < saved) {
    refuse(`its migration region has ${own} bytes and the source's has ${saved}, so chunks may not fit`)
  }
}

function hex(id: number): string {
  return `0x${id.toString(16).padStart(4, '0')}`
}
