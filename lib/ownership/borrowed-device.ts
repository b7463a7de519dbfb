// SPDX-License-Identifier: MIT
import type { DeviceIdentity } from '../device/device.js'
import type { DeviceSession } from '../device/device-session.js'
import { VfioError } from '../errors/index.js'
import { MigratableDevice } from '../migration/migratable-device.js'
import { stateOfNumber } from '../migration/v2/arcs.js'
import type { NativeDevice } from '../native-binding.js'
import { closeBundle, openBundle } from './bundle.js'
import type { Descriptor } from './descriptor.js'
import { Keeper, type KeeperClientOptions } from './keeper.js'
import type { DeviceFacts } from './messages.js'

export interface BorrowOptions extends KeeperClientOptions {
  /** Share the device with other clients that say so too. Default false: nobody else may have it meanwhile. */
  readonly shared?: boolean
  /**
   * Go on with the save or load that the last client left, instead of beginning anew: bytes of it that are known to have arrived where
   * that client sent them. The session is refused unless its driver counts the same.
   */
  readonly continueAt?: number
}

/**
 * A device that a keeper lent. Each state change is reported to the keeper, with the data descriptor it brought, so that another client
 * can go on when this process dies. Closing it ends the lease; the keeper holds the device as it is then.
 */
export class BorrowedDevice extends MigratableDevice {
  readonly #keeper: Keeper
  readonly facts: DeviceFacts
  #lost: unknown

  /** @internal Use `openDevice('held:…')`. */
  constructor(native: NativeDevice, identity: DeviceIdentity, keeper: Keeper, facts: DeviceFacts) {
    super(native, identity)
    this.#keeper = keeper
    this.facts = facts
  }

  /** Why the keeper could not be told of a state change; `undefined` while it listens. The device itself goes on working. */
  get keeperLost(): unknown {
    return this.#lost
  }

  override async setMigrationState(state: number): Promise<DeviceSession | undefined> {
    const session = await super.setMigrationState(state)
    await this.#tell(stateOfNumber(state), session?.descriptor)
    return session
  }

  override async reset(): Promise<void> {
    await super.reset()
    await this.#tell('running', undefined)
  }

  async #tell(state: string, session: number | undefined): Promise<void> {
    if (this.#lost !== undefined) return
    try {
      await this.#keeper.report(state, session)
    } catch (error) {
      // A migration does not fail because nobody would be there to take it over.
      this.#lost = error
      process.emitWarning(
        `${this.spec}: the keeper does not answer (${(error as Error).message}); the device is lost when this process ends`,
        'VfioKeeperLost',
      )
    }
  }

  override close(): Promise<void> {
    return super.close().finally(() => this.#keeper.close())
  }
}

/**
 * Borrows a device of the keeper at `path`. It is in the state in which the last client left it.
 * @throws {VfioError} `ERR_VFIO_PEER_LOST`, `ERR_VFIO_PERMISSION`, `ERR_VFIO_NO_SUCH_DEVICE`, `ERR_VFIO_IN_USE`;
 *   `ERR_VFIO_SESSION_ENDED`: there is no session to continue at that point
 */
export async function borrowDevice(
  path: string,
  name: string | undefined,
  spec: string,
  options: BorrowOptions = {},
): Promise<BorrowedDevice> {
  const keeper = await Keeper.connect(path, options)
  try {
    const { facts, bundle } = await keeper.borrow(name, options)
    try {
      const { native, identity } = await openBundle(bundle, spec, facts)
      const device = new BorrowedDevice(native, identity, keeper, facts)
      if (options.continueAt !== undefined) {
        try {
          await continueSession(device, bundle.get('session'), options.continueAt)
        } catch (error) {
          await device.close()
          throw error
        }
      }
      return device
    } finally {
      await closeBundle(bundle)
    }
  } catch (error) {
    await keeper.close()
    throw error
  }
}

async function continueSession(
  device: BorrowedDevice,
  session: Descriptor | undefined,
  at: number,
): Promise<void> {
  if (session === undefined) {
    throw new VfioError('ERR_VFIO_SESSION_ENDED', `${device.spec}: no session was left with it`, {
      device: device.spec,
    })
  }
  const { bytes, direction } = await session.position()
  if (bytes !== at) {
    throw new VfioError(
      'ERR_VFIO_SESSION_ENDED',
      `${device.spec}: the ${direction} stands at ${bytes} bytes, not at ${at}; what is missing is lost, begin it anew`,
      { device: device.spec },
    )
  }
  const migration = await device.migration()
  await migration.adoptSession(await device.adoptSession(session.fd))
}
