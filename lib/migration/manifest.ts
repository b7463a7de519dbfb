// SPDX-License-Identifier: MIT
// What a stream says of the device it was saved from, and what that means for the device it is loaded into.
import { parseAddress } from '../host/address.js'
import { packageVersion } from '../package-version.js'
import type { Manifest, ManifestDevice, ManifestIdentity } from '../stream/manifest.js'
import type { MigratableDevice } from './migratable-device.js'
import type { Migration } from './migration.js'
import { type KnownProfile, profileOf } from './profile.js'
import { REGISTERS_SIZE } from './v1/registers.js'

export async function manifestOf(device: MigratableDevice, migration: Migration): Promise<Manifest> {
  const { protocol, vendorId, deviceId, migrationRegionSize } = await profileOf(device, migration)
  const { preCopy, p2p } = migration.capabilities
  const kind = device.spec.startsWith('sim:') ? 'simulated' : parseAddress(device.spec)?.kind
  const identity: ManifestIdentity = {
    ...(kind === undefined || kind === 'cdev' ? {} : { kind }),
    name: device.spec.replace(/[^\x20-\x7e]/g, '?').slice(0, 1024),
    ...(device.driver === undefined ? {} : { driver: device.driver }),
    ...(vendorId === undefined ? {} : { vendor: vendorId }),
    ...(deviceId === undefined ? {} : { device: deviceId }),
  }
  const capabilities = {
    preCopy,
    p2p,
    ...(migrationRegionSize === undefined
      ? {}
      : { dataSectionSize: String(migrationRegionSize - REGISTERS_SIZE) }),
  }
  return {
    devices: [{ index: 0, protocol, identity, capabilities }],
    producer: `vfio-migration ${packageVersion()}`,
  }
}

/** The profile that a manifest gives of the device that was saved. */
export function profileOfManifest({ protocol, identity, capabilities }: ManifestDevice): KnownProfile {
  const section = capabilities?.dataSectionSize
  return {
    protocol,
    vendorId: identity?.vendor,
    deviceId: identity?.device,
    migrationRegionSize: section === undefined ? undefined : BigInt(section) + REGISTERS_SIZE,
  }
}
