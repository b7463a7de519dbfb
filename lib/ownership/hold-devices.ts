// SPDX-License-Identifier: MIT
import type { MigratableDevice } from '../migration/migratable-device.js'
import { bundleOf, closeBundle, factsOf } from './bundle.js'
import { type KeeperOptions, KeeperServer } from './keeper-server.js'

/**
 * Holds devices in this process for clients that come and go: `openDevice('held:PATH#NAME')` in another process borrows one. The keeper
 * holds duplicates, so the devices may be closed here.
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: a device without descriptors; `ERR_VFIO_SOCKET_PLACE`, `ERR_VFIO_IN_USE`
 */
export async function holdDevices(
  devices: Iterable<MigratableDevice>,
  options: KeeperOptions,
): Promise<KeeperServer> {
  const keeper = await KeeperServer.listen(options)
  try {
    for (const device of devices) {
      const facts = await factsOf(device)
      const bundle = await bundleOf(device)
      try {
        keeper.add(facts, bundle)
      } catch (error) {
        await closeBundle(bundle)
        throw error
      }
    }
  } catch (error) {
    await keeper.close()
    throw error
  }
  return keeper
}
