// SPDX-License-Identifier: MIT
// What vfio-user has no words for, and the contract therefore does not ask of it: named here, and shown to be so. (P2P and the size of the
// stop-copy, which libvfio-user's servers lack, this project's server passes on from its device.)
import { expect, it } from 'vitest'
import type { MigratableDevice } from '../../lib/index.js'
import { servedHere } from '../support/served-device.js'

const without: readonly (readonly [string, (device: MigratableDevice) => Promise<void>])[] = [
  ['descriptor of a device, to be handed on', async (device) => expect(device.descriptor).toBeUndefined()],
  [
    'estimate of what a pre-copy has left (VFIO_MIG_GET_PRECOPY_INFO)',
    async (device) => {
      let asked = false
      const migration = await device.migration()
      await using saving = await migration.save({
        preCopy: true,
        switchover: ({ initialBytes, dirtyBytes }) => {
          asked = true
          expect([initialBytes, dirtyBytes]).toEqual([undefined, undefined])
          return 'switch'
        },
      })
      for await (const _ of saving) {
        // To its end.
      }
      expect(asked).toBe(true)
    },
  ],
]

it.each(without)('there is no %s', async (what, shows) => {
  await using device = await servedHere('sim:v2,state=2MiB', { strict: true })
  await shows(device)
  console.log(`vfio-user, does not apply: ${what}`)
})
