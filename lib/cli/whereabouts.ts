// SPDX-License-Identifier: MIT
import type { MigratableDevice } from '../migration/migratable-device.js'

interface Ends {
  readonly source?: MigratableDevice
  readonly destination?: MigratableDevice
}

/**
 * Runs `body` and, when it fails, asks each device where it is now and says so in the error, as `source` and `destination`; what the error
 * knows already it keeps. The devices must still be open: afterwards nobody can ask.
 */
export async function withWhereabouts<T>(ends: Ends, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof Error) {
      for (const [end, device] of Object.entries(ends) as [keyof Ends, MigratableDevice][]) {
        await locate(error, end, device)
      }
    }
    throw error
  }
}

async function locate(error: Error, end: keyof Ends, device: MigratableDevice): Promise<void> {
  const known = (error as { [Property in keyof Ends]?: { state?: unknown } })[end]
  if (known !== undefined && known.state !== 'unknown') return
  try {
    const state = await (await device.migration()).state()
    Object.defineProperty(error, end, { value: { device: device.spec, state }, configurable: true })
  } catch {
    // The failure that is being reported matters more than one in asking.
  }
}
