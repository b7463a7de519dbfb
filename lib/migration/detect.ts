// SPDX-License-Identifier: MIT
import type { Device } from '../device/device.js'
import type { Region } from '../device/region.js'
import { VfioError, VfioSystemError } from '../errors/index.js'
import { DeviceMigration } from './device-migration.js'
import type { Migration } from './migration.js'
import { V1Protocol } from './v1/protocol.js'
import { REGISTERS_SIZE } from './v1/registers.js'
import { hasState } from './v2/arcs.js'
import { V2Protocol } from './v2/protocol.js'

// VFIO_REGION_TYPE_MIGRATION and its only subtype (linux/vfio.h; named _DEPRECATED since 5.18).
const REGION_TYPE_MIGRATION = 3
const REGION_SUBTYPE_MIGRATION = 1

// What a kernel or driver without v2 answers to VFIO_DEVICE_FEATURE_MIGRATION: it does not know the feature, or not even the ioctl.
const NOT_V2 = new Set(['ENOTTY', 'EINVAL', 'EOPNOTSUPP', 'ERR_VFIO_UNSUPPORTED'])

/**
 * The protocol a device speaks: v2 where it answers `VFIO_DEVICE_FEATURE_MIGRATION`, else v1 where it has a migration region.
 * @throws {VfioError} `ERR_VFIO_NOT_MIGRATABLE`: neither; the message says what was asked and answered
 */
export async function detectMigration(device: Device): Promise<Migration> {
  const flags = await v2Flags(device)
  if (typeof flags === 'bigint' && hasState('stop-copy', flags)) {
    return new DeviceMigration(new V2Protocol(device, flags))
  }
  const region = await migrationRegion(device)
  if (region !== undefined) return new DeviceMigration(new V1Protocol(device, region))
  throw notMigratable(device, flags)
}

async function v2Flags(device: Device): Promise<bigint | VfioError> {
  try {
    return await device.migrationFlags()
  } catch (error) {
    if (error instanceof VfioError && NOT_V2.has(error.code)) return error
    throw error
  }
}

async function migrationRegion(device: Device): Promise<Region | undefined> {
  for (const region of await device.regions()) {
    const { type } = region.info
    if (type?.type !== REGION_TYPE_MIGRATION || type.subtype !== REGION_SUBTYPE_MIGRATION) continue
    if (region.size <= REGISTERS_SIZE || !region.readable || !region.writable) {
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        `migration region ${region.index} of ${region.size} bytes has no room for data or cannot be read and written`,
        { device: device.spec },
      )
    }
    return region
  }
  return undefined
}

function notMigratable(device: Device, answer: bigint | VfioError): VfioError {
  const driver = device.driver === undefined ? 'its driver' : `driver ${device.driver}`
  let v2: string
  if (typeof answer === 'bigint')
    v2 = `${driver} offers v2 without stop-copy (flags 0x${answer.toString(16)})`
  else if (answer instanceof VfioSystemError)
    v2 = `${driver} answers ${answer.code} to VFIO_DEVICE_FEATURE_MIGRATION`
  else v2 = `${driver} has no VFIO_DEVICE_FEATURE_MIGRATION`
  return new VfioError(
    'ERR_VFIO_NOT_MIGRATABLE',
    `${device.spec}: ${v2}, and no region is a v1 migration region`,
    {
      device: device.spec,
      ...(typeof answer === 'bigint' ? {} : { cause: answer }),
    },
  )
}
