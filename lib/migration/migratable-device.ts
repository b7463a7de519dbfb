// SPDX-License-Identifier: MIT
import { Device } from '../device/device.js'
import { detectMigration } from './detect.js'
import type { Migration } from './migration.js'

/** A device with its migration side: what `openDevice` yields. */
export class MigratableDevice extends Device {
  #migration: Promise<Migration> | undefined

  /**
   * Finds out which protocol the device speaks: v2 by `VFIO_DEVICE_FEATURE_MIGRATION`, else v1 by its migration region. The same object
   * at each call, so that its one-operation-at-a-time rule holds for everybody who uses this handle.
   * @throws {VfioError} `ERR_VFIO_NOT_MIGRATABLE`, saying why
   */
  migration(): Promise<Migration> {
    if (this.#migration) return this.#migration
    const asked = detectMigration(this)
    this.#migration = asked
    asked.catch(() => {
      this.#migration = undefined
    })
    return asked
  }
}
