// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { VfioEngineError } from '../../../lib/index.js'
import { TestDevice } from '../../support/test-device.js'
import { bed, open, transfer } from './two-engines.js'

const SIZE = 2 ** 20

describe.each([
  ['v2 with pre-copy', 'sim:v2,state=1MiB', true],
  ['v2 without pre-copy', 'sim:v2,state=1MiB,precopy=off', true],
  ['v2 stopped first', 'sim:v2,state=1MiB', false],
  ['v1', 'sim:v1,state=1MiB,chunk=64KiB', true],
])('a device sent to another engine: %s', (_, spec, preCopy) => {
  it('runs there with its memory, and is stopped here', async () => {
    await using two = await bed()
    await using sources = await open(`${spec},seed=7`)
    await using destinations = await open(spec)
    const { sent, received } = await transfer(two, sources, destinations, { send: { preCopy } })
    if (sent.status === 'rejected') throw sent.reason
    if (received.status === 'rejected') throw received.reason
    expect(sent.value).toMatchObject({ ok: true, side: 'source', devices: [{ state: 'stop' }] })
    expect(received.value).toMatchObject({ ok: true, confirmed: true, devices: [{ state: 'running' }] })
    expect(received.value.bytes).toBeGreaterThanOrEqual(SIZE)
    const arrived = await TestDevice.of(destinations[0] as (typeof destinations)[0])
    expect(await arrived.firstDifference(7)).toBeUndefined()
  })
})

describe('several devices', () => {
  it('move as one', async () => {
    await using two = await bed()
    const specs = [1, 2, 3, 4].map((seed) => `sim:v2,state=1MiB,seed=${seed}`)
    await using sources = await open(...specs)
    await using destinations = await open(...specs.map(() => 'sim:v2,state=1MiB'))
    const { sent, received } = await transfer(two, sources, destinations, { send: { preCopy: true } })
    if (sent.status === 'rejected') throw sent.reason
    if (received.status === 'rejected') throw received.reason
    for (const [index, device] of destinations.entries())
      expect(await (await TestDevice.of(device)).firstDifference(index + 1)).toBeUndefined()
    const { downtime, downtimeMs } = sent.value
    expect(downtime.parts.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(downtimeMs, 3)
  })

  it('are refused by name when one cannot be quieted, unless that is allowed', async () => {
    await using two = await bed()
    await using sources = await open('sim:v2,state=1MiB,seed=1', 'sim:v1,state=1MiB,seed=2')
    await using destinations = await open('sim:v2,state=1MiB', 'sim:v1,state=1MiB')
    const refused = await transfer(two, sources, destinations, {
      receive: { signal: AbortSignal.timeout(300), allowWithoutP2p: true },
    })
    expect(refused.sent).toMatchObject({
      status: 'rejected',
      reason: { code: 'ERR_VFIO_NO_P2P', outcome: 'refused', message: expect.stringContaining('sim:v1') },
    })
    const done = await transfer(two, sources, destinations, {
      send: { allowWithoutP2p: true },
      receive: { allowWithoutP2p: true },
    })
    if (done.sent.status === 'rejected') throw done.sent.reason
    expect(done.sent.value.devices.map(({ state }) => state)).toEqual(['stop', 'stop'])
  })

  it('are all led back when one fails', async () => {
    await using two = await bed()
    await using sources = await open(
      'sim:v2,state=1MiB,seed=1',
      'sim:v2,state=1MiB,seed=2,fail=read:EIO:nth=2',
    )
    await using destinations = await open('sim:v2,state=1MiB', 'sim:v2,state=1MiB')
    const { sent, received } = await transfer(two, sources, destinations)
    expect(sent.status).toBe('rejected')
    const { reason } = sent as PromiseRejectedResult
    expect(reason).toBeInstanceOf(VfioEngineError)
    expect(reason).toMatchObject({ code: 'EIO', outcome: 'aborted' })
    expect((reason as VfioEngineError).devices.map(({ state }) => state)).toEqual(['running', 'running'])
    expect(received).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'ERR_VFIO_ABORTED_BY_PEER',
        outcome: 'aborted',
        message: expect.stringContaining('EIO'),
      },
    })
  })
})
