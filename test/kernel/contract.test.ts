// SPDX-License-Identifier: MIT
// The contract over devices of a real VFIO kernel: mtty, and the test device as a kernel module.
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll } from 'vitest'
import { type MigratableDevice, openDevice } from '../../lib/index.js'
import { type Backend, deviceContract } from '../contract/suite/index.js'
import { findMdevType, Mdev } from '../support/mdev.js'
import { requires } from '../support/requirement.js'

const runner = 'npm run test:kernel brings a kernel that has them'

/** Two devices that already exist, each lent to one test at a time. */
class Lent {
  readonly #uuids: () => readonly string[]
  readonly #open = new Map<string, MigratableDevice>()

  constructor(uuids: () => readonly string[]) {
    this.#uuids = uuids
  }

  async open(): Promise<MigratableDevice> {
    for (const uuid of this.#uuids()) {
      const held = this.#open.get(uuid)
      if (held !== undefined && !held.closed) continue
      await held?.close()
      const device = await openDevice(uuid)
      // mtty keeps over an open and a close what it was given.
      await device.reset()
      this.#open.set(uuid, device)
      return device
    }
    throw new Error('both devices are in use: a test did not close its own')
  }
}

const mtty = process.env.VFIO_TEST_MTTY?.split(',') ?? []
requires('two mtty devices', mtty.length === 2, `VFIO_TEST_MTTY does not name them; ${runner}`).describe(
  'over mtty',
  () => {
    const lent = new Lent(() => mtty)
    const backend: Backend = {
      name: 'mtty',
      protocol: 'v2',
      open: () => lent.open(),
      isTestDevice: false,
      preCopy: true,
      p2p: true,
    }
    deviceContract(backend)
  },
)

const parameters = '/sys/module/vfm_test/parameters'

for (const type of ['v2', 'v1-trapped', 'v1-mapped', 'v1-sparse', 'v1-straddle']) {
  const folder = findMdevType(`vfm_test-${type}`)
  const needs = requires(
    'the test device as a kernel module',
    folder !== undefined && existsSync(parameters),
    `no mdev type vfm_test-${type}; ${runner}`,
  )
  needs.describe(`over the kernel module, ${type}`, () => {
    const made: Mdev[] = []
    const lent = new Lent(() => made.map(({ uuid }) => uuid))

    beforeAll(async () => {
      await writeFile(`${parameters}/state_bytes`, String(2 ** 20))
      await writeFile(`${parameters}/chunk_bytes`, String(2 ** 18))
      for (let count = 0; count < 2; count++) made.push(await Mdev.create(folder as string))
    })
    afterAll(async () => {
      for (const device of made) await device.remove()
    })

    const protocol = type === 'v2' ? 'v2' : 'v1'
    deviceContract({
      name: `vfm_test-${type}`,
      protocol,
      open: () => lent.open(),
      isTestDevice: true,
      preCopy: true,
      p2p: protocol === 'v2',
    })
  })
}
