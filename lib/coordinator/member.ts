// SPDX-License-Identifier: MIT
import { type Recovery, VfioError } from '../errors/index.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import type { Migration } from '../migration/migration.js'
import { actualState } from '../migration/refusal.js'
import type { MigrationState } from '../migration/state.js'

/** One device of a set that moves as one. */
export interface Member {
  readonly device: MigratableDevice
  readonly migration: Migration
}

/** Where a device of a set was left, and what was done to it. */
export interface MemberEnd {
  readonly device: string
  /** What it said last; `unknown` when it could not be asked. */
  readonly state: MigrationState | 'unknown'
  readonly recovery?: Recovery | undefined
  /** Why something that was to be done at the end was not. */
  readonly error?: string | undefined
}

export async function endOf(
  { device, migration }: Member,
  details: { readonly recovery?: Recovery | undefined; readonly error?: unknown } = {},
): Promise<MemberEnd> {
  const { recovery, error } = details
  return {
    device: device.spec,
    state: await actualState(migration),
    ...(recovery === undefined ? {} : { recovery }),
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
  }
}

/** The devices with their migration sides. @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`: none, or one twice; `ERR_VFIO_NOT_MIGRATABLE` */
export async function membersOf(devices: readonly MigratableDevice[]): Promise<Member[]> {
  if (devices.length === 0) throw new VfioError('ERR_VFIO_INCOMPATIBLE', 'no device was given')
  const twice = devices.find((device, index) => devices.indexOf(device) !== index)
  if (twice !== undefined) {
    throw new VfioError('ERR_VFIO_INCOMPATIBLE', `${twice.spec} is there twice`, { device: twice.spec })
  }
  return Promise.all(devices.map(async (device) => ({ device, migration: await device.migration() })))
}

/**
 * Refuses a set in which a device cannot be quieted before its siblings stop: a device that still runs could then write into one that has
 * stopped, and what it wrote would be lost (uAPI, the P2P states; every v1 device lacks them).
 * @throws {VfioError} `ERR_VFIO_NO_P2P` naming the devices
 */
export function checkPeerToPeer(members: readonly Member[], allow: boolean): void {
  if (allow || members.length < 2) return
  const without = members.filter(({ migration }) => !migration.capabilities.p2p)
  if (without.length === 0) return
  const names = without.map(({ device, migration }) => `${device.spec} (${migration.protocol})`).join(', ')
  throw new VfioError(
    'ERR_VFIO_NO_P2P',
    `${names} cannot be quieted before the other devices of the set stop, so that a device that still runs could write into one that ` +
      'has stopped; if these devices do no DMA to one another, say so (allowWithoutP2p, --allow-without-p2p)',
    { device: without[0]?.device.spec },
  )
}
