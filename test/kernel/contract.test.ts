// SPDX-License-Identifier: MIT
// The contract suite on real VFIO devices: mtty, a driver of the kernel's own samples, and the project's module in all its kinds.
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Backend, deviceContract } from '../contract/suite/index.js'
import { requires } from '../support/requirement.js'
import { DevicePool } from './support/device-pool.js'
import { hasTestModule, type Parameters } from './support/mdev.js'

beforeAll(() => {
  console.log(`kernel ${release()}, ${readFileSync('/proc/version', 'utf8').trim()}`)
})

function contractOf(pool: DevicePool, backend: Omit<Backend, 'open'>): void {
  describe(`kernel ${release()}`, () => {
    afterAll(() => pool.clear())
    deviceContract({ ...backend, open: () => pool.open() })
  })
}

const mtty = (process.env.VFIO_TEST_MTTY ?? '').split(',').filter((uuid) => uuid !== '')
requires(
  'two mtty devices',
  mtty.length >= 2,
  'VFIO_TEST_MTTY names fewer; npm run test:kernel makes them',
).describe('mtty', () => {
  contractOf(DevicePool.of(mtty), {
    name: 'mtty',
    protocol: 'v2',
    isTestDevice: false,
    preCopy: true,
    p2p: true,
  })
})

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe('vfm_test', () => {
  // The least that takes several chunks: emulation is slow.
  const small: Parameters = { state_bytes: 1 << 20, chunk_bytes: 128 << 10 }
  const v1 = (type: string, more: Parameters = {}, name = type): void =>
    contractOf(DevicePool.ofModule(type, { ...small, ...more }), {
      name: `vfm_test ${name}`,
      protocol: 'v1',
      isTestDevice: true,
      preCopy: true,
      p2p: false,
    })
  const v2 = (name: string, more: Parameters, preCopy = true, p2p = true): void =>
    contractOf(DevicePool.ofModule('v2', { ...small, ...more }), {
      name: `vfm_test v2 ${name}`,
      protocol: 'v2',
      isTestDevice: true,
      preCopy,
      p2p,
    })

  v1('v1-trapped')
  v1('v1-mapped')
  v1('v1-sparse')
  v1('v1-straddle')
  v1('v1-mapped', { arcs: 'i915' }, 'v1-mapped, the arcs of i915')
  v1('v1-mapped', { arcs: 'lvu' }, 'v1-mapped, the arcs of libvfio-user')
  v2('ENOMSG when drained', {})
  v2('0 when drained', { drained: 0 })
  v2('rounds by PRECOPY_INFO', { precopy_rounds: 'Y' })
  v2('without PRE_COPY and P2P', { flags: 1 }, false, false)
})
