// SPDX-License-Identifier: MIT
import { type MigratableDevice, openDevice } from '../../../lib/index.js'
import { createTestDevice, type Parameters, removeDevice } from './mdev.js'

/** Devices of one kind, for tests that open what they need and close it: as many exist as were ever open at once. */
export class DevicePool {
  readonly #make: () => string | undefined
  readonly #remove: (uuid: string) => Promise<void>
  readonly #idle: string[] = []
  readonly #open = new Map<MigratableDevice, string>()

  private constructor(
    make: () => string | undefined,
    remove: (uuid: string) => Promise<void>,
    idle: readonly string[],
  ) {
    this.#make = make
    this.#remove = remove
    this.#idle.push(...idle)
  }

  /** Devices of the project's module, made when they are needed. */
  static ofModule(type: string, parameters: Parameters): DevicePool {
    return new DevicePool(() => createTestDevice(type, parameters), removeDevice, [])
  }

  /** Devices that exist already and stay. */
  static of(uuids: readonly string[]): DevicePool {
    return new DevicePool(
      () => undefined,
      async () => {},
      uuids,
    )
  }

  async open(): Promise<MigratableDevice> {
    for (const [device, uuid] of this.#open) {
      if (!device.closed) continue
      await device.close()
      this.#open.delete(device)
      this.#idle.push(uuid)
    }
    const uuid = this.#idle.shift() ?? this.#make()
    if (uuid === undefined) throw new Error('every device of this kind is open')
    const device = await openDevice(uuid)
    // Some keep what they were given over a close and an open: mtty does.
    await device.reset()
    this.#open.set(device, uuid)
    return device
  }

  async clear(): Promise<void> {
    for (const [device, uuid] of this.#open) {
      await device.close()
      this.#idle.push(uuid)
    }
    this.#open.clear()
    for (const uuid of this.#idle.splice(0)) await this.#remove(uuid)
  }
}
